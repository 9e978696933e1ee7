# The source of the machine code in copy_code.ts, and what each register is for. `as copy_x64.s`, `objcopy -O binary -j .text`.

.intel_syntax noprefix
.text
# int supported(void): CPUID has OSXSAVE, AVX2 and VPCLMULQDQ, and XCR0 says that the kernel saves xmm and ymm.
supported:
  endbr64
  push rbx
  mov eax, 1
  cpuid
  bt ecx, 27
  jnc no
  mov eax, 7
  xor ecx, ecx
  cpuid
  bt ebx, 5
  jnc no
  bt ecx, 10
  jnc no
  xor ecx, ecx
  xgetbv
  and eax, 6
  cmp eax, 6
  jne no
  mov eax, 1
  pop rbx
  ret
no:
  xor eax, eax
  pop rbx
  ret
.balign 16, 0x90
# void copy(rdi to, rsi from, rdx bytes, rcx residue, r8d past): bytes is a multiple of 128, and not 0.
copy:
  endbr64
  vbroadcasti128 ymm8, [rip+k]
  vmovdqu ymm0, [rsi]
  vmovdqu ymm1, [rsi+32]
  vmovdqu ymm2, [rsi+64]
  vmovdqu ymm3, [rsi+96]
  test r8d, r8d
  jz cached

# acc = acc * x^1024 + new, of each half of 128 bits.
.macro fold acc, new
  vpclmulqdq ymm9, \acc, ymm8, 0x00
  vpclmulqdq \acc, \acc, ymm8, 0x11
  vpxor \acc, \acc, ymm9
  vpxor \acc, \acc, \new
.endm

# The first block, with what the residue begins with; then one block after the other.
.macro blocks store
  \store [rdi], ymm0
  \store [rdi+32], ymm1
  \store [rdi+64], ymm2
  \store [rdi+96], ymm3
  vpxor ymm0, ymm0, [rcx]
1:
  sub rdx, 128
  jbe done
  sub rsi, -128
  sub rdi, -128
  prefetcht0 [rsi+1024]
  prefetcht0 [rsi+1088]
  vmovdqu ymm4, [rsi]
  vmovdqu ymm5, [rsi+32]
  vmovdqu ymm6, [rsi+64]
  vmovdqu ymm7, [rsi+96]
  \store [rdi], ymm4
  \store [rdi+32], ymm5
  \store [rdi+64], ymm6
  \store [rdi+96], ymm7
  fold ymm0, ymm4
  fold ymm1, ymm5
  fold ymm2, ymm6
  fold ymm3, ymm7
  jmp 1b
.endm
  blocks vmovntdq
cached:
  blocks vmovdqu
done:
  vmovdqu [rcx], ymm0
  vmovdqu [rcx+32], ymm1
  vmovdqu [rcx+64], ymm2
  vmovdqu [rcx+96], ymm3
  vzeroupper
  sfence
  ret
.balign 16, 0x90
# x^(1024+32) and x^(1024-32) modulo 0x104C11DB7, bit-reflected and shifted left by one.
k: .quad 0x1e88ef372, 0x14a7fe880
