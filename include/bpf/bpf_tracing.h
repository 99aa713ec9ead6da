/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once
/*
 * Programs whose body has typed arguments: BPF_PROG(), BPF_KPROBE(), BPF_KSYSCALL() and kin.
 *
 * The kernel calls a program with one pointer. What it points to depends on the hook: an array of
 * u64, one per argument (fentry, tp_btf, lsm, struct_ops, iterators), or the machine's registers
 * (kprobe, uprobe). `int BPF_KPROBE(name, int dfd, struct filename *f) { body }` becomes two
 * functions:
 *
 *   int name(struct pt_regs *ctx) { return ____name(ctx, <register 1>, <register 2>); }
 *   static inline int ____name(struct pt_regs *ctx, int dfd, struct filename *f) { body }
 *
 * so the body also sees `ctx`, whatever its own parameters are called. The values are passed as
 * void *, which C converts to any integer or pointer parameter with a diagnostic that is silenced
 * right there.
 */

#include "bpf_core_read.h"
#include "bpf_helpers.h"
#include "bpf_regs.h"

struct pt_regs;

#define ___bpf_quiet_begin \
  _Pragma("clang diagnostic push") _Pragma("clang diagnostic ignored \"-Wint-conversion\"")
#define ___bpf_quiet_end _Pragma("clang diagnostic pop")

/*
 * The two functions. `ctx_type` is the context's pointee; `params` is the body's parameter list in
 * parentheses, `call` the expression that calls it. The name is declared first because the user
 * wrote only its return type, and typeof(name(0)) is the one way to say that type again.
 */
#define ___bpf_two_functions(name, ctx_type, params, call)  \
  name(ctx_type* ctx);                                      \
  static __always_inline typeof(name(0)) ____##name params; \
  typeof(name(0)) name(ctx_type* ctx) {                     \
    ___bpf_quiet_begin return call;                         \
    ___bpf_quiet_end                                        \
  }                                                         \
  static __always_inline typeof(name(0)) ____##name params

/* Contexts that are an array of u64. */

#define ___bpf_ctx_slot(ctx, i, param) , (void*)ctx[i]
/* `ctx, (void *)ctx[0], (void *)ctx[1] …`: one slot per parameter. */
#define ___bpf_ctx_cast(...) ctx ___bpf_map(___bpf_ctx_slot, ctx __VA_OPT__(, ) __VA_ARGS__)

/* SEC("tp_btf/sched_switch") int BPF_PROG(on_switch, bool preempt, struct task_struct *prev) {…} */
#define BPF_PROG(name, ...)                                                  \
  ___bpf_two_functions(name, unsigned long long,                             \
                       (unsigned long long* ctx __VA_OPT__(, ) __VA_ARGS__), \
                       ____##name(___bpf_ctx_cast(__VA_ARGS__)))

/*
 * BPF_PROG2: parameters given as pairs, `type, name`, so that a struct passed by value can be taken
 * from the one or two slots it occupies (up to 16 bytes). Only knowing the type tells how many.
 */
#define ___bpf_slots(type) (sizeof(type) > 8 ? 2 : 1)

/* The value of a narrow type is the low-order part of its slot, on either byte order. */
#define ___bpf_narrow(type, integer, slot)    \
  ({                                          \
    union {                                   \
      integer ___in;                          \
      type ___out;                            \
    } ___pun = {.___in = (integer)(slot)[0]}; \
    ___pun.___out;                            \
  })
#define ___bpf_wide(type, slot)                   \
  ({                                              \
    union {                                       \
      unsigned long long ___in[2];                \
      type ___out;                                \
    } ___pun = {.___in = {(slot)[0], (slot)[1]}}; \
    ___pun.___out;                                \
  })
#define ___bpf_take(type, slot)                                                    \
  __builtin_choose_expr(                                                           \
      sizeof(type) == 1, ___bpf_narrow(type, __u8, slot),                          \
      __builtin_choose_expr(                                                       \
          sizeof(type) == 2, ___bpf_narrow(type, __u16, slot),                     \
          __builtin_choose_expr(                                                   \
              sizeof(type) <= 4, ___bpf_narrow(type, __u32, slot),                 \
              __builtin_choose_expr(sizeof(type) <= 8,                             \
                                    ___bpf_narrow(type, unsigned long long, slot), \
                                    ___bpf_wide(type, slot)))))

/* clang-format off */
#define ___bpf_params0()
#define ___bpf_params2(t, n) , t n
#define ___bpf_params4(t, n, ...) , t n ___bpf_params2(__VA_ARGS__)
#define ___bpf_params6(t, n, ...) , t n ___bpf_params4(__VA_ARGS__)
#define ___bpf_params8(t, n, ...) , t n ___bpf_params6(__VA_ARGS__)
#define ___bpf_params10(t, n, ...) , t n ___bpf_params8(__VA_ARGS__)
#define ___bpf_params12(t, n, ...) , t n ___bpf_params10(__VA_ARGS__)

/* `at` is the slot where the first of the rest begins. */
#define ___bpf_takes0(at)
#define ___bpf_takes2(at, t, n) , ___bpf_take(t, at)
#define ___bpf_takes4(at, t, n, ...) \
  , ___bpf_take(t, at) ___bpf_takes2((at) + ___bpf_slots(t), __VA_ARGS__)
#define ___bpf_takes6(at, t, n, ...) \
  , ___bpf_take(t, at) ___bpf_takes4((at) + ___bpf_slots(t), __VA_ARGS__)
#define ___bpf_takes8(at, t, n, ...) \
  , ___bpf_take(t, at) ___bpf_takes6((at) + ___bpf_slots(t), __VA_ARGS__)
#define ___bpf_takes10(at, t, n, ...) \
  , ___bpf_take(t, at) ___bpf_takes8((at) + ___bpf_slots(t), __VA_ARGS__)
#define ___bpf_takes12(at, t, n, ...) \
  , ___bpf_take(t, at) ___bpf_takes10((at) + ___bpf_slots(t), __VA_ARGS__)
/* clang-format on */

#define ___bpf_pair_params(...) ___bpf_apply(___bpf_params, ___bpf_narg(__VA_ARGS__))(__VA_ARGS__)
#define ___bpf_pair_takes(...) \
  ___bpf_apply(___bpf_takes, ___bpf_narg(__VA_ARGS__))(ctx __VA_OPT__(, ) __VA_ARGS__)

/* SEC("fentry/f") int BPF_PROG2(on_f, struct pair, p, int, n) {…}: up to six parameters. */
#define BPF_PROG2(name, ...)                                                      \
  ___bpf_two_functions(name, unsigned long long,                                  \
                       (unsigned long long* ctx ___bpf_pair_params(__VA_ARGS__)), \
                       ____##name(ctx ___bpf_pair_takes(__VA_ARGS__)))

/* Contexts that are registers. */

/* clang-format off */
#define ___bpf_parm0(x) PT_REGS_PARM1(x)
#define ___bpf_parm1(x) PT_REGS_PARM2(x)
#define ___bpf_parm2(x) PT_REGS_PARM3(x)
#define ___bpf_parm3(x) PT_REGS_PARM4(x)
#define ___bpf_parm4(x) PT_REGS_PARM5(x)
#define ___bpf_parm5(x) PT_REGS_PARM6(x)
#define ___bpf_parm6(x) PT_REGS_PARM7(x)
#define ___bpf_parm7(x) PT_REGS_PARM8(x)
/* clang-format on */

#define ___bpf_kprobe_arg(ctx, i, param) , (void*)___bpf_parm##i(ctx)
#define ___bpf_kprobe_args(...) ctx ___bpf_map(___bpf_kprobe_arg, ctx __VA_OPT__(, ) __VA_ARGS__)

/* SEC("kprobe/do_unlinkat") int BPF_KPROBE(on_unlink, int dfd, struct filename *name) {…} */
#define BPF_KPROBE(name, ...)                                                                   \
  ___bpf_two_functions(name, struct pt_regs, (struct pt_regs * ctx __VA_OPT__(, ) __VA_ARGS__), \
                       ____##name(___bpf_kprobe_args(__VA_ARGS__)))

#define ___bpf_kretprobe_arg(ctx, i, param) , (void*)PT_REGS_RC(ctx)
#define ___bpf_kretprobe_args(...) \
  ctx ___bpf_map(___bpf_kretprobe_arg, ctx __VA_OPT__(, ) __VA_ARGS__)

// SEC("kretprobe/do_unlinkat") int BPF_KRETPROBE(on_return, long ret) {…}: one parameter or none.
#define BPF_KRETPROBE(name, ...)                                                                \
  ___bpf_two_functions(name, struct pt_regs, (struct pt_regs * ctx __VA_OPT__(, ) __VA_ARGS__), \
                       ____##name(___bpf_kretprobe_args(__VA_ARGS__)))

#define BPF_UPROBE(name, ...) BPF_KPROBE(name __VA_OPT__(, ) __VA_ARGS__)
#define BPF_URETPROBE(name, ...) BPF_KRETPROBE(name __VA_OPT__(, ) __VA_ARGS__)

/* Syscalls. */

/* The loader sets this from the running kernel: do syscall functions take one pt_regs pointer? */
extern _Bool LINUX_HAS_SYSCALL_WRAPPER __kconfig;

/* clang-format off */
#define ___bpf_sysparm0(x) PT_REGS_PARM1_SYSCALL(x)
#define ___bpf_sysparm1(x) PT_REGS_PARM2_SYSCALL(x)
#define ___bpf_sysparm2(x) PT_REGS_PARM3_SYSCALL(x)
#define ___bpf_sysparm3(x) PT_REGS_PARM4_SYSCALL(x)
#define ___bpf_sysparm4(x) PT_REGS_PARM5_SYSCALL(x)
#define ___bpf_sysparm5(x) PT_REGS_PARM6_SYSCALL(x)
#define ___bpf_sysparm_core0(x) PT_REGS_PARM1_CORE_SYSCALL(x)
#define ___bpf_sysparm_core1(x) PT_REGS_PARM2_CORE_SYSCALL(x)
#define ___bpf_sysparm_core2(x) PT_REGS_PARM3_CORE_SYSCALL(x)
#define ___bpf_sysparm_core3(x) PT_REGS_PARM4_CORE_SYSCALL(x)
#define ___bpf_sysparm_core4(x) PT_REGS_PARM5_CORE_SYSCALL(x)
#define ___bpf_sysparm_core5(x) PT_REGS_PARM6_CORE_SYSCALL(x)
/* clang-format on */

#define ___bpf_syscall_arg(regs, i, param) , (void*)___bpf_sysparm##i(regs)
#define ___bpf_syscall_wrapped_arg(regs, i, param) , (void*)___bpf_sysparm_core##i(regs)

/*
 * SEC("ksyscall/unlinkat") int BPF_KSYSCALL(on_unlinkat, int dfd, const char *path) {…}
 * With the wrapper the context's first register points to the registers of the user, in kernel
 * memory; without it the context's own registers are those. One body serves both: only one branch
 * survives.
 */
#define BPF_KSYSCALL(name, ...)                                                               \
  ___bpf_two_functions(                                                                       \
      name, struct pt_regs, (struct pt_regs * ctx __VA_OPT__(, ) __VA_ARGS__), ({             \
        struct pt_regs* ___regs __attribute__((unused)) =                                     \
            LINUX_HAS_SYSCALL_WRAPPER ? PT_REGS_SYSCALL_REGS(ctx) : ctx;                      \
        LINUX_HAS_SYSCALL_WRAPPER                                                             \
        ? ____##name(                                                                         \
              ctx ___bpf_map(___bpf_syscall_wrapped_arg, ___regs __VA_OPT__(, ) __VA_ARGS__)) \
        : ____##name(ctx ___bpf_map(___bpf_syscall_arg, ctx __VA_OPT__(, ) __VA_ARGS__));     \
      }))

#define BPF_KPROBE_SYSCALL BPF_KSYSCALL
