// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A tool of opensnoop's size, to be loaded by both sides of a comparison: two tracepoints, a hash
// map, a perf buffer, constants to filter by, and 16 CO-RE relocations of 5 kernel types.
#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#define RELOCATED __attribute__((preserve_access_index))

struct mm_struct {
  unsigned long arg_start, arg_end;
} RELOCATED;
struct upid {
  int nr;
} RELOCATED;
struct pid {
  unsigned int level;
  struct upid numbers[1];
} RELOCATED;
struct nsproxy {
  struct pid_namespace* pid_ns_for_children;
} RELOCATED;
struct task_struct {
  int pid, tgid;
  unsigned int flags;
  char comm[16];
  unsigned long long start_time;
  struct mm_struct* mm;
  struct task_struct* real_parent;
  struct task_struct* group_leader;
  struct pid* thread_pid;
  struct nsproxy* nsproxy;
} RELOCATED;

struct trace_event_raw_sys_enter {
  unsigned long args[6];
} RELOCATED;
struct trace_event_raw_sys_exit {
  long ret;
} RELOCATED;

const volatile __u32 filter_pid = 0;
const volatile bool only_failed = false;

struct request {
  const char* name;
  int flags;
};

struct event {
  __u64 start_time, arg_size;
  __u32 pid, ppid, leader, nr, task_flags;
  int flags, ret;
  char comm[16], name[256];
};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 10240);
  __type(key, __u32);
  __type(value, struct request);
} started SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
  __uint(key_size, sizeof(__u32));
  __uint(value_size, sizeof(__u32));
} events SEC(".maps");

SEC("tracepoint/syscalls/sys_enter_openat")
int on_enter(struct trace_event_raw_sys_enter* ctx) {
  const __u64 id = bpf_get_current_pid_tgid();
  const __u32 thread = id;
  if (filter_pid != 0 && id >> 32 != filter_pid) return 0;
  const struct request request = {.name = (const char*)ctx->args[1], .flags = ctx->args[2]};
  bpf_map_update_elem(&started, &thread, &request, BPF_ANY);
  return 0;
}

static __always_inline void describe(struct event* event) {
  struct task_struct* task = (void*)bpf_get_current_task();
  struct mm_struct* mm = BPF_CORE_READ(task, mm);
  event->start_time = BPF_CORE_READ(task, start_time);
  event->arg_size = BPF_CORE_READ(mm, arg_end) - BPF_CORE_READ(mm, arg_start);
  event->ppid = BPF_CORE_READ(task, real_parent, tgid);
  event->leader = BPF_CORE_READ(task, group_leader, pid);
  event->task_flags = BPF_CORE_READ(task, flags);
  event->nr = BPF_CORE_READ(task, thread_pid, numbers[0].nr);
  if (!BPF_CORE_READ(task, nsproxy)) event->task_flags = 0;
  BPF_CORE_READ_STR_INTO(&event->comm, task, comm);
}

SEC("tracepoint/syscalls/sys_exit_openat")
int on_exit(struct trace_event_raw_sys_exit* ctx) {
  const __u32 thread = bpf_get_current_pid_tgid();
  struct event event = {};
  const struct request* request = bpf_map_lookup_elem(&started, &thread);
  if (!request) return 0;
  event.ret = ctx->ret;
  if (!only_failed || event.ret < 0) {
    event.pid = bpf_get_current_pid_tgid() >> 32;
    event.flags = request->flags;
    describe(&event);
    bpf_probe_read_user_str(&event.name, sizeof(event.name), request->name);
    bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &event, sizeof(event));
  }
  bpf_map_delete_elem(&started, &thread);
  return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
