/*
 * A FAKE of NVIDIA's libcuda, for tests of the order of calls and of their arguments. It computes nothing and says nothing
 * about speed. Memory of its GPUs is memory of this process; copies happen late, when an event after them is asked for, as
 * those of a real GPU may. What it knows of processes, it shares among them. Wrong use ends with the error that cuda.h names, never with a crash.
 *
 * With -DOLD_DRIVER it has no process checkpoint, with -DWRONG it changes a bit of each copy from the GPU.
 * With -DWITH_CUDA_H the compiler compares its functions with the prototypes of the toolkit's header.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef WITH_CUDA_H
#include <cuda.h>
#else
typedef int CUresult, CUdevice, CUprocessState;
typedef unsigned long long CUdeviceptr;
typedef struct CUctx_st *CUcontext;
typedef struct CUstream_st *CUstream;
typedef struct CUevent_st *CUevent;
typedef struct { char bytes[16]; } CUuuid;
typedef struct { unsigned timeoutMs, reserved0; uint64_t reserved1[7]; } CUcheckpointLockArgs;
typedef struct { uint64_t reserved[8]; } CUcheckpointCheckpointArgs, CUcheckpointUnlockArgs;
typedef struct { CUuuid oldUuid, newUuid; } CUcheckpointGpuPair;
typedef struct {
  CUcheckpointGpuPair *gpuPairs;
  unsigned gpuPairsCount;
  char reserved[52 - sizeof(void *)];
  uint64_t reserved1;
} CUcheckpointRestoreArgs;
enum {
  CUDA_SUCCESS = 0, CUDA_ERROR_INVALID_VALUE = 1, CUDA_ERROR_OUT_OF_MEMORY = 2, CUDA_ERROR_NOT_INITIALIZED = 3,
  CUDA_ERROR_NO_DEVICE = 100, CUDA_ERROR_INVALID_DEVICE = 101, CUDA_ERROR_INVALID_CONTEXT = 201,
  CUDA_ERROR_INVALID_HANDLE = 400, CUDA_ERROR_ILLEGAL_STATE = 401, CUDA_ERROR_NOT_READY = 600,
  CUDA_ERROR_ILLEGAL_ADDRESS = 700, CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED = 712,
  CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED = 713,
};
#endif

#define GPUS 2
#define MANY 4096

typedef struct { uintptr_t start; size_t bytes; int gpu; } Range;
typedef struct { int kind; void *to; const void *from; size_t bytes; int event; } Work;
enum { COPY, CLEAR, EVENT };

/* What several processes see, in a file beside the library. */
typedef struct {
  char log[1 << 20];
  size_t logged;
  struct { int pid, state; } processes[64];
  char failing[64];
  int countdown, result, delay_ms;
} Shared;
static Shared *all;

/* What is of this process. */
static struct {
  int initialised, gpus, retained[GPUS], current[64], depth, others[GPUS];
  size_t memory;
  Range device[MANY], pinned[MANY];
  Work queue[MANY];
  int queued, events[MANY], streams, event_count, slow;
} fake;

__attribute__((constructor)) static void share(void) {
  Dl_info info;
  char path[4096];
  dladdr((void *)share, &info);
  snprintf(path, sizeof path, "%s.state", info.dli_fname);
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0 || ftruncate(fd, sizeof *all) != 0) abort();
  all = mmap(NULL, sizeof *all, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
}

static int *state_of(int pid) {
  for (int i = 0; i < 64; i++) if (all->processes[i].pid == pid && pid != 0) return &all->processes[i].state;
  return NULL;
}

/* A process whose CUDA is locked waits in its calls. */
static void wait_for_unlock(void) {
  for (int *state = state_of(getpid()); state && *state != 0;) usleep(1000);
}

static void enter_process(int pid, int state) {
  int *found = state_of(pid);
  for (int i = 0; !found && i < 64; i++)
    if (!all->processes[i].pid) { all->processes[i].pid = pid; found = &all->processes[i].state; }
  *found = state;
}

static void say(const char *name, unsigned long long a, unsigned long long b) {
  if (all->logged + 128 < sizeof all->log)
    all->logged += (size_t)sprintf(all->log + all->logged, "%s %llu %llu\n", name, a, b);
}

/* What the test wants of the next call of this name. */
static CUresult wanted(const char *name) {
  if (strcmp(name, all->failing) != 0 || all->countdown-- > 0) return CUDA_SUCCESS;
  all->failing[0] = 0;
  return (CUresult)all->result;
}

#define ENTER(a, b) \
  do { \
    say(__func__, (unsigned long long)(a), (unsigned long long)(b)); \
    CUresult w = wanted(__func__); \
    if (w != CUDA_SUCCESS) return w; \
    if (!fake.initialised) return CUDA_ERROR_NOT_INITIALIZED; \
    if (strncmp(__func__, "cuCheckpoint", 12) != 0) wait_for_unlock(); \
  } while (0)
#define CONTEXT() \
  do { \
    if (fake.depth == 0 || fake.retained[fake.current[fake.depth - 1]] == 0) return CUDA_ERROR_INVALID_CONTEXT; \
  } while (0)
#define CURRENT (fake.current[fake.depth - 1])

static Range *inside(Range *ranges, uintptr_t start, size_t bytes) {
  for (int i = 0; i < MANY; i++)
    if (ranges[i].bytes && ranges[i].start <= start && start + bytes <= ranges[i].start + ranges[i].bytes)
      return &ranges[i];
  return NULL;
}

static Range *spare(Range *ranges) {
  for (int i = 0; i < MANY; i++) if (!ranges[i].bytes) return &ranges[i];
  abort();
}

/* Does the next piece of queued work. */
static void step(void) {
  if (fake.queued == 0) return;
  Work w = fake.queue[0];
  memmove(fake.queue, fake.queue + 1, sizeof(Work) * (size_t)--fake.queued);
  if (w.kind == COPY) memcpy(w.to, w.from, w.bytes);
  if (w.kind == CLEAR) memset(w.to, 0, w.bytes);
  if (w.kind == EVENT) fake.events[w.event] = 1;
}

static void put(Work w) {
  while (fake.queued == MANY) step();
  fake.queue[fake.queued++] = w;
}

CUresult cuInit(unsigned flags) {
  say(__func__, flags, 0);
  CUresult w = wanted(__func__);
  if (w != CUDA_SUCCESS) return w;
  if (fake.memory == 0) { fake.gpus = GPUS; fake.memory = 1 << 30; }
  if (fake.gpus == 0) return CUDA_ERROR_NO_DEVICE;
  if (!state_of(getpid())) enter_process(getpid(), 0);
  fake.initialised = 1;
  return CUDA_SUCCESS;
}

CUresult cuDriverGetVersion(int *version) { *version = 13000; return CUDA_SUCCESS; }

CUresult cuGetErrorName(CUresult error, const char **name) {
  static const struct { int result; const char *name; } names[] = {
    {CUDA_ERROR_INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE"},
    {CUDA_ERROR_OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY"},
    {CUDA_ERROR_NOT_INITIALIZED, "CUDA_ERROR_NOT_INITIALIZED"},
    {CUDA_ERROR_NO_DEVICE, "CUDA_ERROR_NO_DEVICE"},
    {CUDA_ERROR_INVALID_CONTEXT, "CUDA_ERROR_INVALID_CONTEXT"},
    {CUDA_ERROR_ILLEGAL_STATE, "CUDA_ERROR_ILLEGAL_STATE"},
    {CUDA_ERROR_NOT_READY, "CUDA_ERROR_NOT_READY"},
    {CUDA_ERROR_ILLEGAL_ADDRESS, "CUDA_ERROR_ILLEGAL_ADDRESS"},
    {CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED, "CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED"},
  };
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (names[i].result == (int)error) { *name = names[i].name; return CUDA_SUCCESS; }
  *name = NULL;
  return CUDA_ERROR_INVALID_VALUE;
}

CUresult cuDeviceGetCount(int *count) { ENTER(0, 0); *count = fake.gpus; return CUDA_SUCCESS; }

CUresult cuDeviceGet(CUdevice *device, int ordinal) {
  ENTER(ordinal, 0);
  if (ordinal < 0 || ordinal >= fake.gpus) return CUDA_ERROR_INVALID_DEVICE;
  *device = ordinal;
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetName(char *name, int length, CUdevice device) {
  snprintf(name, (size_t)length, "Fake GPU %d", device);
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetPCIBusId(char *name, int length, CUdevice device) {
  snprintf(name, (size_t)length, "00000000:0%d:00.0", device);
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetUuid_v2(CUuuid *uuid, CUdevice device) {
  for (int i = 0; i < 16; i++) uuid->bytes[i] = (char)(i + 16 * device);
  return CUDA_SUCCESS;
}

CUresult cuDeviceTotalMem_v2(size_t *bytes, CUdevice device) { (void)device; *bytes = fake.memory; return CUDA_SUCCESS; }

CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice device) {
  ENTER(device, 0);
  fake.retained[device]++;
  *context = (CUcontext)(uintptr_t)(device + 1);
  return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device) {
  ENTER(device, 0);
  if (fake.retained[device] == 0) return CUDA_ERROR_INVALID_CONTEXT;
  fake.retained[device]--;
  return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxGetState(CUdevice device, unsigned *flags, int *active) {
  ENTER(device, 0);
  *flags = 0;
  *active = fake.retained[device] > 0 || fake.others[device];
  return CUDA_SUCCESS;
}

CUresult cuCtxPushCurrent_v2(CUcontext context) {
  if (context == NULL || fake.depth == 64) return CUDA_ERROR_INVALID_CONTEXT;
  fake.current[fake.depth++] = (int)(uintptr_t)context - 1;
  return CUDA_SUCCESS;
}

CUresult cuCtxPopCurrent_v2(CUcontext *context) {
  if (fake.depth == 0) return CUDA_ERROR_INVALID_CONTEXT;
  *context = (CUcontext)(uintptr_t)(fake.current[--fake.depth] + 1);
  return CUDA_SUCCESS;
}

CUresult cuCtxSynchronize(void) {
  ENTER(0, 0);
  CONTEXT();
  while (fake.queued) step();
  return CUDA_SUCCESS;
}

CUresult cuMemAlloc_v2(CUdeviceptr *address, size_t bytes) {
  ENTER(bytes, 0);
  CONTEXT();
  if (bytes == 0) return CUDA_ERROR_INVALID_VALUE;
  size_t used = 0;
  for (int i = 0; i < MANY; i++) if (fake.device[i].gpu == CURRENT) used += fake.device[i].bytes;
  if (used + bytes > fake.memory) return CUDA_ERROR_OUT_OF_MEMORY;
  void *memory = malloc(bytes);
  memset(memory, 0xAB, bytes); /* not zeros: nobody promised them */
  *spare(fake.device) = (Range){(uintptr_t)memory, bytes, CURRENT};
  *address = (CUdeviceptr)(uintptr_t)memory;
  return CUDA_SUCCESS;
}

CUresult cuMemFree_v2(CUdeviceptr address) {
  ENTER(0, 0);
  CONTEXT();
  Range *range = inside(fake.device, (uintptr_t)address, 1);
  if (!range || range->start != (uintptr_t)address || range->gpu != CURRENT) return CUDA_ERROR_INVALID_VALUE;
  while (fake.queued) step();
  free((void *)range->start);
  *range = (Range){0};
  return CUDA_SUCCESS;
}

CUresult cuMemHostRegister_v2(void *start, size_t bytes, unsigned flags) {
  ENTER(bytes, flags);
  CONTEXT();
  uintptr_t from = (uintptr_t)start;
  for (int i = 0; i < MANY; i++)
    if (fake.pinned[i].bytes && from < fake.pinned[i].start + fake.pinned[i].bytes && fake.pinned[i].start < from + bytes)
      return CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED;
  *spare(fake.pinned) = (Range){from, bytes, CURRENT};
  return CUDA_SUCCESS;
}

CUresult cuMemHostUnregister(void *start) {
  ENTER(0, 0);
  CONTEXT();
  Range *range = inside(fake.pinned, (uintptr_t)start, 1);
  if (!range || range->start != (uintptr_t)start) return CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED;
  *range = (Range){0};
  return CUDA_SUCCESS;
}

CUresult cuMemHostAlloc(void **memory, size_t bytes, unsigned flags) {
  ENTER(bytes, flags);
  CONTEXT();
  *memory = malloc(bytes);
  return CUDA_SUCCESS;
}

CUresult cuMemFreeHost(void *memory) { ENTER(0, 0); free(memory); return CUDA_SUCCESS; }

static int known(CUstream stream) { return stream == NULL || (uintptr_t)stream <= (uintptr_t)fake.streams; }

/* The second number in the log is 1 when the host's side of the copy is pinned. */
CUresult cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t bytes, CUstream stream) {
  ENTER(bytes, inside(fake.pinned, (uintptr_t)to, bytes) != NULL);
  CONTEXT();
  if (!known(stream)) return CUDA_ERROR_INVALID_HANDLE;
  Range *range = inside(fake.device, (uintptr_t)from, bytes);
  if (!range || range->gpu != CURRENT) return CUDA_ERROR_ILLEGAL_ADDRESS;
  put((Work){COPY, to, (void *)(uintptr_t)from, bytes, 0});
#ifdef WRONG
  ((char *)(uintptr_t)from)[bytes / 2] ^= 1;
#endif
  return CUDA_SUCCESS;
}

CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t bytes, CUstream stream) {
  ENTER(bytes, inside(fake.pinned, (uintptr_t)from, bytes) != NULL);
  CONTEXT();
  if (!known(stream)) return CUDA_ERROR_INVALID_HANDLE;
  Range *range = inside(fake.device, (uintptr_t)to, bytes);
  if (!range || range->gpu != CURRENT) return CUDA_ERROR_ILLEGAL_ADDRESS;
  put((Work){COPY, (void *)(uintptr_t)to, from, bytes, 0});
  return CUDA_SUCCESS;
}

CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t bytes, CUstream stream) {
  ENTER(bytes, value);
  CONTEXT();
  if (!known(stream) || value != 0) return CUDA_ERROR_INVALID_VALUE;
  if (!inside(fake.device, (uintptr_t)to, bytes)) return CUDA_ERROR_ILLEGAL_ADDRESS;
  put((Work){CLEAR, (void *)(uintptr_t)to, NULL, bytes, 0});
  return CUDA_SUCCESS;
}

CUresult cuStreamCreate(CUstream *stream, unsigned flags) {
  ENTER(flags, 0);
  CONTEXT();
  *stream = (CUstream)(uintptr_t)++fake.streams;
  return CUDA_SUCCESS;
}

CUresult cuStreamDestroy_v2(CUstream stream) {
  ENTER(0, 0);
  return stream == NULL || !known(stream) ? CUDA_ERROR_INVALID_HANDLE : CUDA_SUCCESS;
}

CUresult cuEventCreate(CUevent *event, unsigned flags) {
  ENTER(flags, 0);
  CONTEXT();
  if (fake.event_count + 1 == MANY) return CUDA_ERROR_OUT_OF_MEMORY;
  *event = (CUevent)(uintptr_t)++fake.event_count;
  return CUDA_SUCCESS;
}

CUresult cuEventDestroy_v2(CUevent event) { ENTER(0, 0); return event ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE; }

CUresult cuEventRecord(CUevent event, CUstream stream) {
  ENTER((uintptr_t)event, 0);
  CONTEXT();
  if (!event || !known(stream)) return CUDA_ERROR_INVALID_HANDLE;
  fake.events[(uintptr_t)event] = 0;
  put((Work){EVENT, NULL, NULL, 0, (int)(uintptr_t)event});
  return CUDA_SUCCESS;
}

/* Each look at an event that was not reached does one more piece of the work. */
CUresult cuEventQuery(CUevent event) {
  ENTER((uintptr_t)event, fake.events[(uintptr_t)event]);
  if (fake.events[(uintptr_t)event]) return CUDA_SUCCESS;
  if (fake.slow > 0) fake.slow--;
  else step();
  return CUDA_ERROR_NOT_READY;
}

static CUresult move(int pid, int from, int to) {
  int *state = state_of(pid);
  if (!state) return CUDA_ERROR_INVALID_VALUE;
  if (*state != from) return CUDA_ERROR_ILLEGAL_STATE;
  *state = to;
  return CUDA_SUCCESS;
}

static int zero(const void *memory, size_t bytes) {
  const char *at = memory;
  while (bytes) if (at[--bytes]) return 0;
  return 1;
}

#ifndef OLD_DRIVER
CUresult cuCheckpointProcessGetState(int pid, CUprocessState *state) {
  ENTER(pid, 0);
  int *found = state_of(pid);
  if (!found) return CUDA_ERROR_INVALID_VALUE;
  *state = (CUprocessState)*found;
  return CUDA_SUCCESS;
}

CUresult cuCheckpointProcessLock(int pid, CUcheckpointLockArgs *args) {
  ENTER(pid, args->timeoutMs);
  if (all->delay_ms) usleep((unsigned)all->delay_ms * 1000);
  if (args->reserved0 || !zero(args->reserved1, sizeof args->reserved1)) return CUDA_ERROR_INVALID_VALUE;
  return move(pid, 0, 1);
}

CUresult cuCheckpointProcessCheckpoint(int pid, CUcheckpointCheckpointArgs *args) {
  ENTER(pid, 0);
  if (!zero(args, sizeof *args)) return CUDA_ERROR_INVALID_VALUE;
  return move(pid, 1, 2);
}

CUresult cuCheckpointProcessRestore(int pid, CUcheckpointRestoreArgs *args) {
  ENTER(pid, args->gpuPairsCount);
  for (unsigned i = 0; i < args->gpuPairsCount; i++) {
    const unsigned char *from = (void *)args->gpuPairs[i].oldUuid.bytes, *to = (void *)args->gpuPairs[i].newUuid.bytes;
    say("pair", from[0] << 8 | from[15], to[0] << 8 | to[15]);
  }
  if (!zero(args->reserved, sizeof args->reserved) || args->reserved1) return CUDA_ERROR_INVALID_VALUE;
  return move(pid, 2, 1);
}

CUresult cuCheckpointProcessUnlock(int pid, CUcheckpointUnlockArgs *args) {
  ENTER(pid, 0);
  if (!zero(args, sizeof *args)) return CUDA_ERROR_INVALID_VALUE;
  return move(pid, 1, 0);
}

#endif

/* What follows is for the tests. */

void fake_reset(int gpus, size_t memory) {
  for (int i = 0; i < MANY; i++) if (fake.device[i].bytes) free((void *)fake.device[i].start);
  memset(&fake, 0, sizeof fake);
  memset(all, 0, sizeof *all);
  fake.gpus = gpus;
  fake.memory = memory;
}

/* Copies the log and empties it; returns its length. */
size_t fake_log(char *to, size_t bytes) {
  size_t length = all->logged < bytes ? all->logged : bytes;
  memcpy(to, all->log, length);
  all->logged = 0;
  return length;
}

/* After `skip` more calls of this name one fails with `result`. */
void fake_fail(const char *name, int skip, int result) {
  snprintf(all->failing, sizeof all->failing, "%s", name);
  all->countdown = skip;
  all->result = result;
}

/* How long a lock takes. */
void fake_delay(int ms) { all->delay_ms = ms; }

void fake_memory(size_t bytes) { fake.memory = bytes; }

void fake_process(int pid, int state) { enter_process(pid, state); }

int fake_state(int pid) { int *state = state_of(pid); return state ? *state : -1; }

/* Another library has the primary context of this GPU. */
void fake_other(int gpu, int has) { fake.others[gpu] = has; }

/* So many looks at events find that nothing moves. */
void fake_slow(int looks) { fake.slow = looks; }

/* What is still held: 0 buffers, 1 pinned ranges, 2 contexts, 3 how deep the stack of contexts is. */
int fake_held(int what) {
  int count = what == 2 ? fake.retained[0] + fake.retained[1] : what == 3 ? fake.depth : 0;
  for (int i = 0; i < MANY && what < 2; i++) count += (what ? fake.pinned : fake.device)[i].bytes > 0;
  return count;
}
