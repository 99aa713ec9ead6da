/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once
/*
 * Arguments of USDT probes: BPF_USDT(), bpf_usdt_arg(), bpf_usdt_arg_cnt().
 *
 * A USDT probe is a nop in a program, and a note that says where its arguments are at that moment:
 * in which register, at which address, or that the compiler knew the value. The notes are text, and
 * differ from place to place, so the loader reads them and writes what they say into a map, in the
 * layout below; the program finds its place's entry by the cookie that the probe was attached with,
 * or, on kernels without cookies (before 5.15), by the address at which it stopped. Both maps are
 * filled in by the loader; their names and this layout are what loaders go by, whoever wrote the
 * header.
 */

#include "bpf_helpers.h"
#include "bpf_tracing.h"

/* How many different places an object can have, and how many addresses on kernels without cookies.
 */
#ifndef BPF_USDT_MAX_SPEC_CNT
#define BPF_USDT_MAX_SPEC_CNT 256
#endif
#ifndef BPF_USDT_MAX_IP_CNT
#define BPF_USDT_MAX_IP_CNT (4 * BPF_USDT_MAX_SPEC_CNT)
#endif

#define ___BPF_USDT_ARGS 12

enum ___bpf_usdt_kind {
  ___BPF_USDT_CONSTANT,
  ___BPF_USDT_REGISTER,
  ___BPF_USDT_MEMORY,  /* at a register and an offset */
  ___BPF_USDT_INDEXED, /* and at another register, shifted */
};

struct ___bpf_usdt_argument {
  __u64 value; /* the constant, or what is added to the register */
  __u32 where; /* bits 0-7: the kind; 8-19: the second register; 20-23: its shift */
  __s16 reg;   /* bytes into struct pt_regs */
  _Bool is_signed;
  __u8 shift; /* 64 less the bits of the value */
};

struct ___bpf_usdt_spec {
  struct ___bpf_usdt_argument args[___BPF_USDT_ARGS];
  __u64 cookie; /* what the user attached it with */
  __s16 count;
};

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, BPF_USDT_MAX_SPEC_CNT);
  __type(key, int);
  __type(value, struct ___bpf_usdt_spec);
} __bpf_usdt_specs SEC(".maps") __attribute__((weak));

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, BPF_USDT_MAX_IP_CNT);
  __type(key, long);
  __type(value, __u32);
} __bpf_usdt_ip_to_spec_id SEC(".maps") __attribute__((weak));

/* A program uses what it needs of them. */
#define ___bpf_usdt_function static __noinline __attribute__((unused))

/* Set by the loader from the running kernel. */
extern const _Bool LINUX_HAS_BPF_COOKIE __kconfig;

static __always_inline struct ___bpf_usdt_spec* ___bpf_usdt_spec_of(struct pt_regs* ctx) {
  int number = 0;

  if (!LINUX_HAS_BPF_COOKIE) {
    long address = PT_REGS_IP(ctx);
    const __u32* found = bpf_map_lookup_elem(&__bpf_usdt_ip_to_spec_id, &address);

    if (!found) return NULL;
    number = (int)*found;
  } else {
    number = (int)bpf_get_attach_cookie(ctx);
  }
  return bpf_map_lookup_elem(&__bpf_usdt_specs, &number);
}

/* How many arguments the probe has here; negative (-ESRCH) when the loader knows nothing of it. */
___bpf_usdt_function int bpf_usdt_arg_cnt(struct pt_regs* ctx) {
  const struct ___bpf_usdt_spec* spec = ___bpf_usdt_spec_of(ctx);

  return spec ? spec->count : -3;
}

/* Bytes of argument `n`; negative when there is none. */
___bpf_usdt_function int bpf_usdt_arg_size(struct pt_regs* ctx, __u64 n) {
  const struct ___bpf_usdt_spec* spec = ___bpf_usdt_spec_of(ctx);

  if (!spec) return -3;
  if (n >= ___BPF_USDT_ARGS) return -2;
  barrier_var(n); /* the check is about the number that is used */
  if (n >= ___BPF_USDT_ARGS || (__s64)n >= spec->count) return -2;
  return (int)((64u - spec->args[n].shift) / 8);
}

/* A register of the probed thread, which lies in the context. */
static __always_inline int ___bpf_usdt_register(struct pt_regs* ctx, __u32 offset, __u64* value) {
  return (int)bpf_probe_read_kernel(value, sizeof(*value), (void*)ctx + offset);
}

/*
 * Argument `n`, widened, in *value. 0, or negative: -ESRCH when the loader knows nothing of this
 * probe, -ENOENT when it has no such argument, -EINVAL when the loader is newer than this header,
 * and -EFAULT when the argument is in memory that cannot be read.
 */
___bpf_usdt_function int bpf_usdt_arg(struct pt_regs* ctx, __u64 n, long* value) {
  const struct ___bpf_usdt_spec* spec;
  const struct ___bpf_usdt_argument* arg;
  __u64 got = 0, index = 0;
  __u32 size;
  int done;

  *value = 0;
  spec = ___bpf_usdt_spec_of(ctx);
  if (!spec) return -3;
  if (n >= ___BPF_USDT_ARGS) return -2;
  barrier_var(n);
  if (n >= ___BPF_USDT_ARGS || (__s64)n >= spec->count) return -2;
  arg = &spec->args[n];
  switch (arg->where & 0xff) {
    case ___BPF_USDT_CONSTANT: got = arg->value; break;
    case ___BPF_USDT_REGISTER:
      done = ___bpf_usdt_register(ctx, (__u16)arg->reg, &got);
      if (done) return done;
      break;
    case ___BPF_USDT_MEMORY:
    case ___BPF_USDT_INDEXED:
      done = ___bpf_usdt_register(ctx, (__u16)arg->reg, &got);
      if (done) return done;
      if ((arg->where & 0xff) == ___BPF_USDT_INDEXED) {
        done = ___bpf_usdt_register(ctx, arg->where >> 8 & 0xfff, &index);
        if (done) return done;
        got += index << (arg->where >> 20 & 0xf);
      }
      got += arg->value;
      /* No more than the argument has: what follows it may be in no memory at all. */
      size = (64u - arg->shift) / 8;
      if (size < 1 || size > 8) return -22;
      index = 0;
      done = (int)bpf_probe_read_user(&index, size, (const void*)got);
      if (done) return done;
      got = index;
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
      got >>= arg->shift;
#endif
      break;
    default: return -22;
  }
  got <<= arg->shift;
  if (arg->is_signed)
    *value = (__s64)got >> arg->shift;
  else
    *value = (long)(got >> arg->shift);
  return 0;
}

/* What the loader's user gave the probe; 0 without. */
___bpf_usdt_function long bpf_usdt_cookie(struct pt_regs* ctx) {
  const struct ___bpf_usdt_spec* spec = ___bpf_usdt_spec_of(ctx);

  return spec ? (long)spec->cookie : 0;
}

#define ___bpf_usdt_one(ctx, i, param) \
  , ({                                 \
    long ___value = 0;                 \
    bpf_usdt_arg(ctx, i, &___value);   \
    (void*)___value;                   \
  })
#define ___bpf_usdt_args(...) ctx ___bpf_map(___bpf_usdt_one, ctx __VA_OPT__(, ) __VA_ARGS__)

/* SEC("usdt/libc.so.6:libc:longjmp") int BPF_USDT(on_longjmp, void *env, int value) {…} */
#define BPF_USDT(name, ...)                                                                     \
  ___bpf_two_functions(name, struct pt_regs, (struct pt_regs * ctx __VA_OPT__(, ) __VA_ARGS__), \
                       ____##name(___bpf_usdt_args(__VA_ARGS__)))
