# A Vulkan loader and SwiftShader, a Vulkan device in software, so that WebGPU is there on every machine: lib/libvulkan.so.1,
# swiftshader/libvk_swiftshader.so and swiftshader/vk_swiftshader_icd.json.
use_suite bookworm # its libraries ask for a glibc that is as old as any machine's that runs Deno and Bun
unpack libvulkan1 chromium-common
mkdir "$work/lib" "$work/swiftshader"
# Not the one that chromium-common has for itself.
loader=$(find "$work/unpacked/usr/lib" -path '*-linux-gnu*' -name libvulkan.so.1)
[ -n "$loader" ] || fail "the package libvulkan1 has no libvulkan.so.1"
cp -L "$loader" "$work/lib/libvulkan.so.1"
# The JSON names its library by a relative path, so they stay together.
for file in libvk_swiftshader.so vk_swiftshader_icd.json; do
  cp "$work/unpacked/usr/lib/chromium/$file" "$work/swiftshader/" || fail "the package chromium-common has no $file"
done
# The licences of what is kept.
for package in libvulkan1 chromium-common; do
  cp "$work/unpacked/usr/share/doc/$package/copyright" "$work/copyright.$package"
done
rm -rf "$work/apt" "$work/unpacked"
