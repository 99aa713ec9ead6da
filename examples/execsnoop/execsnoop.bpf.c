// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// execsnoop: one event per execve() or execveat(), with the arguments and the result.
//
// The arguments are only readable when the syscall starts, because a successful exec replaces the
// memory that holds them; the result is only known when it ends. So the entry program prepares an
// event in a hash map, and the exit program completes and emits it. What joins the two is the
// process id: after an exec from a thread other than the first, the thread id is another one.
//
// Nothing is dropped here. If the map is full, or the exec began before we were attached, the exit
// program still emits an event, without arguments. (User space may lose events if it reads slowly.)
#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#define MAX_ARGS 60
#define ARG_SIZE 512    // one argument with its NUL; longer ones are cut
#define ARGS_SIZE 7680  // all of them

// Notes to the tool that prints the events; other loaders ignore them.
#if __has_attribute(btf_decl_tag)
#define HIDDEN __attribute__((btf_decl_tag("bpfld:hidden")))
#define EVENT(type) __attribute__((btf_decl_tag("bpfld:event=" type)))
#else
#define HIDDEN
#define EVENT(type)
#endif

struct event {
  __u32 pid;
  __u32 ppid;
  __u32 uid HIDDEN;
  char comm[16];  // of the new program if the exec succeeded
  __s32 ret;      // 0 or a negative errno
  __u32 args_count HIDDEN;
  __u32 args_size HIDDEN;  // bytes of `args` in use, and sent
  char args[ARGS_SIZE];    // each with its NUL
};

// What precedes `args`. Not offsetof(), which bpf_helpers.h makes relocatable: this is our struct.
#define HEAD_SIZE __builtin_offsetof(struct event, args)

// Set before loading. 0xffffffff means every user.
const volatile __u32 filter_uid = -1;
const volatile bool ignore_failed = false;
const volatile __u32 max_args = MAX_ARGS;

// The execs in flight, by process id.
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1024);
  __type(key, __u32);
  __type(value, struct event);
} execs SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
  __uint(key_size, sizeof(__u32));
  __uint(value_size, sizeof(__u32));
} events SEC(".maps") EVENT("struct event");

// The kernel's task, as little of it as is read here; CO-RE finds the members' real offsets.
struct task_struct {
  struct task_struct* real_parent;
  int tgid;
} __attribute__((preserve_access_index));

// What a syscall tracepoint passes: the same on every kernel and machine since 4.7.
struct sys_enter {
  __u64 common;
  __u64 nr;
  __u64 args[6];
};
struct sys_exit {
  __u64 common;
  __u64 nr;
  __s64 ret;
};

// Too big for the stack: what a new entry of `execs` starts as.
static const struct event empty;

static __always_inline bool is_filtered(void) {
  return filter_uid != (__u32)-1 && (__u32)bpf_get_current_uid_gid() != filter_uid;
}

static __always_inline void describe_process(struct event* event) {
  struct task_struct* task = (struct task_struct*)bpf_get_current_task();

  event->pid = bpf_get_current_pid_tgid() >> 32;
  event->ppid = BPF_CORE_READ(task, real_parent, tgid);
  event->uid = bpf_get_current_uid_gid();
}

static __always_inline void copy_args(struct event* event, const char* const* argv) {
  for (__u32 i = 0; i < MAX_ARGS && i < max_args; i++) {
    const char* arg = NULL;
    __u32 used = event->args_size;
    long size;

    // A whole argument must fit, because the verifier wants a constant bound.
    if (used > ARGS_SIZE - ARG_SIZE) break;
    if (bpf_probe_read_user(&arg, sizeof(arg), &argv[i]) || !arg) break;

    size = bpf_probe_read_user_str(&event->args[used], ARG_SIZE, arg);
    // Not in memory, and a tracepoint cannot wait for it: an empty one keeps the others' places.
    if (size < 1 || size > ARG_SIZE) size = 1;
    event->args_size = used + size;
    event->args_count = i + 1;

    // Forget `used`: what is read back from the map is any number to the verifier, so each turn
    // looks like the one before and is not explored again for every possible length.
    barrier();
  }
}

static __always_inline int on_enter(const char* const* argv) {
  __u32 pid = bpf_get_current_pid_tgid() >> 32;
  struct event* event;

  if (is_filtered()) return 0;
  if (bpf_map_update_elem(&execs, &pid, &empty, BPF_ANY)) return 0;
  event = bpf_map_lookup_elem(&execs, &pid);
  if (!event) return 0;
  describe_process(event);
  copy_args(event, argv);
  return 0;
}

static __always_inline void emit(void* ctx, struct event* event, __u32 size, __s64 ret) {
  event->ret = ret;
  bpf_get_current_comm(event->comm, sizeof(event->comm));
  bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, event, size);
}

static __always_inline int on_exit(struct sys_exit* ctx) {
  __u32 pid = bpf_get_current_pid_tgid() >> 32;
  struct event* event;

  if (is_filtered()) return 0;
  event = bpf_map_lookup_elem(&execs, &pid);
  if (ignore_failed && ctx->ret < 0) {
    // Nothing to tell.
  } else if (event) {
    __u32 size = HEAD_SIZE + event->args_size;

    if (size <= sizeof(*event)) emit(ctx, event, size, ctx->ret);
  } else {
    __u64 head[HEAD_SIZE / sizeof(__u64)] = {};

    describe_process((struct event*)head);
    emit(ctx, (struct event*)head, sizeof(head), ctx->ret);
  }
  bpf_map_delete_elem(&execs, &pid);
  return 0;
}

_Static_assert(HEAD_SIZE % sizeof(__u64) == 0, "the event without arguments is built from words");

SEC("tracepoint/syscalls/sys_enter_execve")
int enter_execve(struct sys_enter* ctx) {
  return on_enter((const char* const*)ctx->args[1]);
}

SEC("tracepoint/syscalls/sys_exit_execve")
int exit_execve(struct sys_exit* ctx) {
  return on_exit(ctx);
}

SEC("tracepoint/syscalls/sys_enter_execveat")
int enter_execveat(struct sys_enter* ctx) {
  return on_enter((const char* const*)ctx->args[2]);
}

SEC("tracepoint/syscalls/sys_exit_execveat")
int exit_execveat(struct sys_exit* ctx) {
  return on_exit(ctx);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
