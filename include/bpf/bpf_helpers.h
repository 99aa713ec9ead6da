/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once
/*
 * What every BPF program needs: helper functions, section and map annotations, printing, iteration.
 *
 * The names are the ones existing .bpf.c sources use, so that such a source builds unchanged. They
 * are a contract with the loader, which finds them again in the object: SEC() becomes the ELF
 * section name that decides the program type; __uint() and __type() become BTF member types that
 * describe a map; __kconfig and __ksym become the sections whose externs the loader resolves.
 *
 * Include <linux/bpf.h> or vmlinux.h first: this file needs their __u32 and friends. The helper
 * prototypes (bpf_helper_defs.h) are generated at build time by include/gen_helper_defs.py.
 */

#include <bpf/bpf_helper_defs.h>

#include "bpf_variadic.h"

/* Map definitions: the number is the length of an array type, the type is a pointee. */

#define __uint(name, val) int(*name)[val]
#define __type(name, val) typeof(val)* name
#define __array(name, val) typeof(val)* name[]
/* A 64-bit number (map_extra) does not fit an array length, so it is an enumerator's value. */
#define __ulong(name, val) enum { ___bpf_concat(___bpf_ulong_, __COUNTER__) = val } name

/* The values of a map's `pinning` member. */
enum libbpf_pin_type {
  LIBBPF_PIN_NONE = 0,
  LIBBPF_PIN_BY_NAME = 1, /* <bpffs root>/<map name> */
};

/* Sections, linkage, attributes. */

/*
 * `used` keeps a definition that nothing references. Clang ignores it on the declaration of an
 * extern and says so, which would break -Werror builds of sources that write `extern int X
 * SEC(".ksyms")`.
 */
#define SEC(name)                                                                               \
  _Pragma("clang diagnostic push") _Pragma("clang diagnostic ignored \"-Wignored-attributes\"") \
      __attribute__((section(name), used)) _Pragma("clang diagnostic pop")

// Values of the kernel's configuration, and addresses or types of its symbols, set by the loader.
#define __kconfig __attribute__((section(".kconfig")))
#define __ksym __attribute__((section(".ksyms")))

/* What a `CONFIG_X` extern of this type holds: not set, =y, =m. */
enum libbpf_tristate {
  TRI_NO = 0,
  TRI_YES = 1,
  TRI_MODULE = 2,
};

#undef __always_inline /* <linux/stddef.h> has a weaker one */
#define __always_inline inline __attribute__((always_inline))
#ifndef __noinline
#define __noinline __attribute__((noinline))
#endif
#ifndef __weak
#define __weak __attribute__((weak))
#endif
/* Global, so separately compiled, but the loader presents it as static: verified in its caller. */
#define __hidden __attribute__((visibility("hidden")))

#ifndef NULL
#define NULL ((void*)0)
#endif

#ifndef KERNEL_VERSION
#define KERNEL_VERSION(a, b, c) (((a) << 16) + ((b) << 8) + ((c) > 255 ? 255 : (c)))
#endif

#ifndef likely
#define likely(x) __builtin_expect(!!(x), 1)
#endif
#ifndef unlikely
#define unlikely(x) __builtin_expect(!!(x), 0)
#endif

// Pointers that a map may hold, and pointers that follow special rules: the verifier reads these.
#if __has_attribute(btf_type_tag)
#define ___bpf_type_tag(text) __attribute__((btf_type_tag(text)))
#else
#define ___bpf_type_tag(text)
#endif
#define __kptr ___bpf_type_tag("kptr")
#define __kptr_untrusted ___bpf_type_tag("kptr_untrusted")
#define __percpu_kptr ___bpf_type_tag("percpu_kptr")
#define __uptr ___bpf_type_tag("uptr")

/* What a global function promises or demands of a parameter: also for the verifier. */
#if __has_attribute(btf_decl_tag)
#define ___bpf_decl_tag(text) __attribute__((btf_decl_tag(text)))
#else
#define ___bpf_decl_tag(text)
#endif
#define __arg_ctx ___bpf_decl_tag("arg:ctx")
#define __arg_nonnull ___bpf_decl_tag("arg:nonnull")
#define __arg_nullable ___bpf_decl_tag("arg:nullable")
#define __arg_trusted ___bpf_decl_tag("arg:trusted")
#define __arg_untrusted ___bpf_decl_tag("arg:untrusted")
#define __arg_arena ___bpf_decl_tag("arg:arena")

/*
 * Unlike __builtin_offsetof these take the address of a real member access, so that the offset in a
 * preserve_access_index struct is relocated to the running kernel. The price: not for #if or enums.
 */
#undef offsetof
#define offsetof(type, member) ((unsigned long)&((type*)0)->member)
#undef container_of
#define container_of(ptr, type, member) ((type*)((void*)(ptr) - offsetof(type, member)))

/* Holding the compiler back. */

/* No load or store moves across. */
#ifndef barrier
#define barrier() asm volatile("" ::: "memory")
#endif
/* The compiler forgets all it knew about `var`: a bound check before it stays a real comparison. */
#ifndef barrier_var
#define barrier_var(var) asm volatile("" : "+r"(var))
#endif
/* For a branch that must be optimised away: if it is not, the program does not compile. */
#ifndef __bpf_unreachable
#define __bpf_unreachable() __builtin_trap()
#endif

/*
 * A tail call with a slot known at compile time. Written as one asm so that the compiler cannot
 * merge two such calls from different branches: the kernel patches a direct jump only if map and
 * slot are constants at the call itself. Call 12 is bpf_tail_call, which clobbers the argument
 * registers.
 */
static __always_inline void bpf_tail_call_static(void* ctx, const void* map, const __u32 slot) {
  if (!__builtin_constant_p(slot)) __bpf_unreachable();
  asm volatile(
      "r1 = %[ctx]\n\t"
      "r2 = %[map]\n\t"
      "r3 = %[slot]\n\t"
      "call 12"
      :
      : [ctx] "r"(ctx), [map] "r"(map), [slot] "i"(slot)
      : "r0", "r1", "r2", "r3", "r4", "r5");
}

/* Printing. */

// The format lives in .rodata, or on the stack for kernels before 5.2, which have no global data.
#ifdef BPF_NO_GLOBAL_DATA
#define ___bpf_format char
#else
#define ___bpf_format static const char
#endif

/* Up to three values go through bpf_trace_printk, which every kernel has. */
#define ___bpf_printk_short(fmt, ...)                                    \
  ({                                                                     \
    ___bpf_format ___fmt[] = fmt;                                        \
    bpf_trace_printk(___fmt, sizeof(___fmt) __VA_OPT__(, ) __VA_ARGS__); \
  })

/* More go through bpf_trace_vprintk, since 5.16. */
#define ___bpf_printk_long(fmt, ...)                                         \
  ({                                                                         \
    ___bpf_format ___fmt[] = fmt;                                            \
    unsigned long long ___values[___bpf_narg(__VA_ARGS__)];                  \
    ___bpf_fill(___values, __VA_ARGS__);                                     \
    bpf_trace_vprintk(___fmt, sizeof(___fmt), ___values, sizeof(___values)); \
  })

#define ___bpf_printk_form(...)                                                                  \
  ___bpf_nth(_ __VA_OPT__(, ) __VA_ARGS__, long, long, long, long, long, long, long, long, long, \
             short, short, short, short)

// Writes a line to trace_pipe: bpf_printk("pid %d", pid). Returns the length or a negative errno.
#define bpf_printk(fmt, ...) \
  ___bpf_apply(___bpf_printk_, ___bpf_printk_form(__VA_ARGS__))(fmt __VA_OPT__(, ) __VA_ARGS__)

/* printf into the file of a BPF iterator: BPF_SEQ_PRINTF(ctx->meta->seq, "%d\n", pid). */
#define BPF_SEQ_PRINTF(seq, fmt, ...)                                          \
  ({                                                                           \
    static const char ___fmt[] = fmt;                                          \
    unsigned long long ___values[___bpf_narg(__VA_ARGS__)];                    \
    ___bpf_fill(___values __VA_OPT__(, ) __VA_ARGS__);                         \
    bpf_seq_printf(seq, ___fmt, sizeof(___fmt), ___values, sizeof(___values)); \
  })

/* snprintf: returns the length it needed, with the NUL, or a negative errno. */
#define BPF_SNPRINTF(out, out_size, fmt, ...)                          \
  ({                                                                   \
    static const char ___fmt[] = fmt;                                  \
    unsigned long long ___values[___bpf_narg(__VA_ARGS__)];            \
    ___bpf_fill(___values __VA_OPT__(, ) __VA_ARGS__);                 \
    bpf_snprintf(out, out_size, ___fmt, ___values, sizeof(___values)); \
  })

/* Kernel symbols and open-coded iterators. */

/*
 * Whether a weak __ksym was found in the running kernel. For a strong one the compiler would answer
 * "always" on its own, so that is refused here.
 */
#define bpf_ksym_exists(sym)                                                       \
  ({                                                                               \
    _Static_assert(!__builtin_constant_p(!!sym), #sym " must be declared __weak"); \
    !!sym;                                                                         \
  })

struct bpf_iter_num;
extern int bpf_iter_num_new(struct bpf_iter_num* it, int start, int end) __weak __ksym;
extern int* bpf_iter_num_next(struct bpf_iter_num* it) __weak __ksym;
extern void bpf_iter_num_destroy(struct bpf_iter_num* it) __weak __ksym;

/*
 * The head common to all three loops: an iterator that the compiler destroys on every way out of
 * the loop, break and return included, because the verifier rejects a program that leaks one.
 * Naming the destructor a second time makes clang describe it in BTF, which the cleanup attribute
 * does not.
 */
#define ___bpf_iterator(type, ...)                                                              \
  struct bpf_iter_##type ___it __attribute__((aligned(8), cleanup(bpf_iter_##type##_destroy))), \
      *___self __attribute__((unused)) = ({                                                     \
        bpf_iter_##type##_new(&___it __VA_OPT__(, ) __VA_ARGS__);                               \
        (void)bpf_iter_##type##_destroy;                                                        \
        &___it;                                                                                 \
      })

#ifndef bpf_for_each
/* bpf_for_each(task, t, NULL, 0) { ... }: `t` is each element that bpf_iter_task_next() returns. */
#define bpf_for_each(type, cur, ...) \
  for (___bpf_iterator(type __VA_OPT__(, ) __VA_ARGS__); ((cur) = bpf_iter_##type##_next(&___it));)
#endif

#ifndef bpf_for
/*
 * bpf_for(i, 0, n) { ... }: i from start to end - 1 without the verifier unrolling the body. The
 * kernel keeps i in range anyway; comparing again tells the verifier so, and it can then index an
 * array.
 */
#define bpf_for(i, start, end)                                       \
  for (___bpf_iterator(num, (start), (end)); ({                      \
         int* ___next = bpf_iter_num_next(&___it);                   \
         ___next && ((i) = *___next, (i) >= (start) && (i) < (end)); \
       });)
#endif

#ifndef bpf_repeat
/* The body, `times` times. */
#define bpf_repeat(times) for (___bpf_iterator(num, 0, (times)); bpf_iter_num_next(&___it);)
#endif
