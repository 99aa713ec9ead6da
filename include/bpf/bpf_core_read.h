/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once
/*
 * Reading kernel structures whose layout is known only when the program is loaded (CO-RE).
 *
 * Clang records each member access made through these macros in .BTF.ext: the instruction, the type
 * as this source declares it, and a path such as "0:3:1". The loader finds the type of that name in
 * the running kernel and patches the instruction. Declare only the members you use, mark the struct
 * __attribute__((preserve_access_index)) (vmlinux.h does), and one object fits every kernel.
 *
 * The builtins are documented in clang's LanguageExtensions ("__builtin_preserve_access_index",
 * "__builtin_preserve_field_info" …); the numbers below are their `flag` argument and are ABI.
 */

#include "bpf_helpers.h"

enum bpf_field_info_kind {
  BPF_FIELD_BYTE_OFFSET = 0,
  BPF_FIELD_BYTE_SIZE = 1,
  BPF_FIELD_EXISTS = 2,
  BPF_FIELD_SIGNED = 3,
  BPF_FIELD_LSHIFT_U64 = 4, /* shift left by this, then right by the next, to extract a bitfield */
  BPF_FIELD_RSHIFT_U64 = 5,
};

enum bpf_type_id_kind {
  BPF_TYPE_ID_LOCAL = 0,  /* in this object's BTF */
  BPF_TYPE_ID_TARGET = 1, /* in the kernel's BTF */
};

enum bpf_type_info_kind {
  BPF_TYPE_EXISTS = 0,
  BPF_TYPE_SIZE = 1,
  BPF_TYPE_MATCHES = 2,
};

enum bpf_enum_value_kind {
  BPF_ENUMVAL_EXISTS = 0,
  BPF_ENUMVAL_VALUE = 1,
};

/* Questions about fields, types and enumerators. */

// A field is given as an expression, `task->pid`, or as two arguments, `struct task_struct, pid`.
#define ___bpf_field1(expr) expr
#define ___bpf_field2(type, member) ((typeof(type)*)0)->member
#define ___bpf_field(...) ___bpf_apply(___bpf_field, ___bpf_narg(__VA_ARGS__))(__VA_ARGS__)

/* Is there such a field; its size; its offset: all in the running kernel. */
#define bpf_core_field_exists(...) \
  __builtin_preserve_field_info(___bpf_field(__VA_ARGS__), BPF_FIELD_EXISTS)
#define bpf_core_field_size(...) \
  __builtin_preserve_field_info(___bpf_field(__VA_ARGS__), BPF_FIELD_BYTE_SIZE)
#define bpf_core_field_offset(...) \
  __builtin_preserve_field_info(___bpf_field(__VA_ARGS__), BPF_FIELD_BYTE_OFFSET)

#define ___bpf_type(type) (*(typeof(type)*)0)

#define bpf_core_type_id_local(type) __builtin_btf_type_id(___bpf_type(type), BPF_TYPE_ID_LOCAL)
#define bpf_core_type_id_kernel(type) __builtin_btf_type_id(___bpf_type(type), BPF_TYPE_ID_TARGET)
// Same name and kind; same name, kind and all the members declared here; bytes. 0 if there is none.
#define bpf_core_type_exists(type) __builtin_preserve_type_info(___bpf_type(type), BPF_TYPE_EXISTS)
#define bpf_core_type_matches(type) \
  __builtin_preserve_type_info(___bpf_type(type), BPF_TYPE_MATCHES)
#define bpf_core_type_size(type) __builtin_preserve_type_info(___bpf_type(type), BPF_TYPE_SIZE)

#define bpf_core_enum_value_exists(type, enumerator) \
  __builtin_preserve_enum_value(*(typeof(type)*)enumerator, BPF_ENUMVAL_EXISTS)
#define bpf_core_enum_value(type, enumerator) \
  __builtin_preserve_enum_value(*(typeof(type)*)enumerator, BPF_ENUMVAL_VALUE)

/* One probe read with a relocated address. */

#define ___bpf_core_address(src) ((const void*)__builtin_preserve_access_index(src))

/* bpf_core_read(&dst, sizeof(dst), &src->member); 0 or a negative errno (and dst zeroed). */
#define bpf_core_read(dst, size, src) bpf_probe_read_kernel(dst, size, ___bpf_core_address(src))
/* The kernel's layout at a user-space address, as of a syscall argument that points to a uapi
 * struct. */
#define bpf_core_read_user(dst, size, src) bpf_probe_read_user(dst, size, ___bpf_core_address(src))
/* Strings: the length with the NUL, or a negative errno. */
#define bpf_core_read_str(dst, size, src) \
  bpf_probe_read_kernel_str(dst, size, ___bpf_core_address(src))
#define bpf_core_read_user_str(dst, size, src) \
  bpf_probe_read_user_str(dst, size, ___bpf_core_address(src))

/* Chains of pointers: BPF_CORE_READ(task, real_parent, tgid) is task->real_parent->tgid. */

/*
 * One hop: the value of `from->member`, read with `read`. `from` is evaluated once and may be
 * another hop, so a chain is hops inside hops. A failed read leaves zeroes, and so the next hop
 * fails too.
 */
#define ___bpf_hop(read, from, member)                          \
  ({                                                            \
    __auto_type ___from = (from);                               \
    typeof(___from->member) ___value;                           \
    read((void*)&___value, sizeof(___value), &___from->member); \
    ___value;                                                   \
  })

/* The last step of the _INTO forms: the same read, but into the caller's variable. */
#define ___bpf_land(read, dst, from, member)              \
  ({                                                      \
    __auto_type ___from = (from);                         \
    read((void*)(dst), sizeof(*(dst)), &___from->member); \
  })

/* clang-format off */
#define ___bpf_chain0(r, s) (s)
#define ___bpf_chain1(r, s, a) \
  ___bpf_hop(r, s, a)
#define ___bpf_chain2(r, s, a, b) \
  ___bpf_hop(r, ___bpf_chain1(r, s, a), b)
#define ___bpf_chain3(r, s, a, b, c) \
  ___bpf_hop(r, ___bpf_chain2(r, s, a, b), c)
#define ___bpf_chain4(r, s, a, b, c, d) \
  ___bpf_hop(r, ___bpf_chain3(r, s, a, b, c), d)
#define ___bpf_chain5(r, s, a, b, c, d, e) \
  ___bpf_hop(r, ___bpf_chain4(r, s, a, b, c, d), e)
#define ___bpf_chain6(r, s, a, b, c, d, e, f) \
  ___bpf_hop(r, ___bpf_chain5(r, s, a, b, c, d, e), f)
#define ___bpf_chain7(r, s, a, b, c, d, e, f, g) \
  ___bpf_hop(r, ___bpf_chain6(r, s, a, b, c, d, e, f), g)
#define ___bpf_chain8(r, s, a, b, c, d, e, f, g, h) \
  ___bpf_hop(r, ___bpf_chain7(r, s, a, b, c, d, e, f, g), h)
#define ___bpf_chain9(r, s, a, b, c, d, e, f, g, h, i) \
  ___bpf_hop(r, ___bpf_chain8(r, s, a, b, c, d, e, f, g, h), i)

#define ___bpf_into1(r, last, dst, s, a) \
  ___bpf_land(last, dst, ___bpf_chain0(r, s), a)
#define ___bpf_into2(r, last, dst, s, a, b) \
  ___bpf_land(last, dst, ___bpf_chain1(r, s, a), b)
#define ___bpf_into3(r, last, dst, s, a, b, c) \
  ___bpf_land(last, dst, ___bpf_chain2(r, s, a, b), c)
#define ___bpf_into4(r, last, dst, s, a, b, c, d) \
  ___bpf_land(last, dst, ___bpf_chain3(r, s, a, b, c), d)
#define ___bpf_into5(r, last, dst, s, a, b, c, d, e) \
  ___bpf_land(last, dst, ___bpf_chain4(r, s, a, b, c, d), e)
#define ___bpf_into6(r, last, dst, s, a, b, c, d, e, f) \
  ___bpf_land(last, dst, ___bpf_chain5(r, s, a, b, c, d, e), f)
#define ___bpf_into7(r, last, dst, s, a, b, c, d, e, f, g) \
  ___bpf_land(last, dst, ___bpf_chain6(r, s, a, b, c, d, e, f), g)
#define ___bpf_into8(r, last, dst, s, a, b, c, d, e, f, g, h) \
  ___bpf_land(last, dst, ___bpf_chain7(r, s, a, b, c, d, e, f, g), h)
#define ___bpf_into9(r, last, dst, s, a, b, c, d, e, f, g, h, i) \
  ___bpf_land(last, dst, ___bpf_chain8(r, s, a, b, c, d, e, f, g, h), i)
/* clang-format on */

#define ___bpf_read_chain(read, src, ...) \
  ___bpf_apply(___bpf_chain, ___bpf_narg(__VA_ARGS__))(read, src, __VA_ARGS__)
#define ___bpf_read_into(read, last, dst, src, ...) \
  ___bpf_apply(___bpf_into, ___bpf_narg(__VA_ARGS__))(read, last, dst, src, __VA_ARGS__)

/* The value at the end of the chain; up to nine members, each of which may be `a.b` or `a[1]`. */
#define BPF_CORE_READ(src, ...) ___bpf_read_chain(bpf_core_read, src, __VA_ARGS__)
/* The same for a chain that starts at a user-space address. */
#define BPF_CORE_READ_USER(src, ...) ___bpf_read_chain(bpf_core_read_user, src, __VA_ARGS__)
/* The same without relocation: for structs of this source, and for kernels without BTF. */
#define BPF_PROBE_READ(src, ...) ___bpf_read_chain(bpf_probe_read_kernel, src, __VA_ARGS__)
#define BPF_PROBE_READ_USER(src, ...) ___bpf_read_chain(bpf_probe_read_user, src, __VA_ARGS__)

// BPF_CORE_READ_INTO(&dst, src, a, b): sizeof(dst) bytes; the last read's result. Arrays need this.
#define BPF_CORE_READ_INTO(dst, src, ...) \
  ___bpf_read_into(bpf_core_read, bpf_core_read, dst, src, __VA_ARGS__)
#define BPF_CORE_READ_USER_INTO(dst, src, ...) \
  ___bpf_read_into(bpf_core_read_user, bpf_core_read_user, dst, src, __VA_ARGS__)
#define BPF_PROBE_READ_INTO(dst, src, ...) \
  ___bpf_read_into(bpf_probe_read_kernel, bpf_probe_read_kernel, dst, src, __VA_ARGS__)
#define BPF_PROBE_READ_USER_INTO(dst, src, ...) \
  ___bpf_read_into(bpf_probe_read_user, bpf_probe_read_user, dst, src, __VA_ARGS__)

/* BPF_CORE_READ_STR_INTO(&buffer, src, a, b): the last member is a string. */
#define BPF_CORE_READ_STR_INTO(dst, src, ...) \
  ___bpf_read_into(bpf_core_read, bpf_core_read_str, dst, src, __VA_ARGS__)
#define BPF_CORE_READ_USER_STR_INTO(dst, src, ...) \
  ___bpf_read_into(bpf_core_read_user, bpf_core_read_user_str, dst, src, __VA_ARGS__)
#define BPF_PROBE_READ_STR_INTO(dst, src, ...) \
  ___bpf_read_into(bpf_probe_read_kernel, bpf_probe_read_kernel_str, dst, src, __VA_ARGS__)
#define BPF_PROBE_READ_USER_STR_INTO(dst, src, ...) \
  ___bpf_read_into(bpf_probe_read_user, bpf_probe_read_user_str, dst, src, __VA_ARGS__)

/* Bitfields. */

/*
 * A bitfield has no address, so the compiler asks the loader five questions: where is the unit that
 * holds it, how big is it, is it signed, and by how much to shift. The unit is widened to 64 bits;
 * the left shift drops what is above the field, the right shift what is below it and extends the
 * sign.
 */
#define ___bpf_bits(s, field, what) __builtin_preserve_field_info((s)->field, BPF_FIELD_##what)

#define ___bpf_bits_extract(s, field, unit)                                             \
  ({                                                                                    \
    unsigned long long ___bits = (unit) << ___bpf_bits(s, field, LSHIFT_U64);           \
    ___bpf_bits(s, field, SIGNED)                                                       \
        ? (unsigned long long)((long long)___bits >> ___bpf_bits(s, field, RSHIFT_U64)) \
        : ___bits >> ___bpf_bits(s, field, RSHIFT_U64);                                 \
  })

/* A unit smaller than u64 must land in the low-order bytes of one. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ___bpf_low_bytes(word, size) ((void*)&(word))
#else
#define ___bpf_low_bytes(word, size) ((void*)&(word) + (8 - (size)))
#endif

/* Through bpf_probe_read_kernel: for any kernel pointer. */
#define BPF_CORE_READ_BITFIELD_PROBED(s, field)                                   \
  ({                                                                              \
    unsigned long long ___unit = 0;                                               \
    const __u32 ___size = ___bpf_bits(s, field, BYTE_SIZE);                       \
    bpf_probe_read_kernel(___bpf_low_bytes(___unit, ___size), ___size,            \
                          (const void*)(s) + ___bpf_bits(s, field, BYTE_OFFSET)); \
    ___bpf_bits_extract(s, field, ___unit);                                       \
  })

/*
 * By a direct load: for pointers that the verifier knows (fentry, tp_btf, contexts). The barrier
 * makes the address a value of its own, instead of one relocated offset in each arm of the switch.
 */
#define BPF_CORE_READ_BITFIELD(s, field)                                       \
  ({                                                                           \
    const void* ___at = (const void*)(s) + ___bpf_bits(s, field, BYTE_OFFSET); \
    unsigned long long ___unit = 0;                                            \
    barrier_var(___at);                                                        \
    switch (___bpf_bits(s, field, BYTE_SIZE)) {                                \
      case 1: ___unit = *(const unsigned char*)___at; break;                   \
      case 2: ___unit = *(const unsigned short*)___at; break;                  \
      case 4: ___unit = *(const unsigned int*)___at; break;                    \
      case 8: ___unit = *(const unsigned long long*)___at; break;              \
    }                                                                          \
    ___bpf_bits_extract(s, field, ___unit);                                    \
  })

/* Replaces the field's bits in its unit. The field starts RSHIFT - LSHIFT bits up from bit 0. */
#define BPF_CORE_WRITE_BITFIELD(s, field, value)                                        \
  ({                                                                                    \
    void* ___at = (void*)(s) + ___bpf_bits(s, field, BYTE_OFFSET);                      \
    const unsigned int ___right = ___bpf_bits(s, field, RSHIFT_U64);                    \
    const unsigned int ___up = ___right - ___bpf_bits(s, field, LSHIFT_U64);            \
    const unsigned long long ___mask = (~0ULL >> ___right) << ___up;                    \
    const unsigned long long ___set = ((unsigned long long)(value) << ___up) & ___mask; \
    barrier_var(___at);                                                                 \
    switch (___bpf_bits(s, field, BYTE_SIZE)) {                                         \
      case 1: ___bpf_bits_store(unsigned char); break;                                  \
      case 2: ___bpf_bits_store(unsigned short); break;                                 \
      case 4: ___bpf_bits_store(unsigned int); break;                                   \
      case 8: ___bpf_bits_store(unsigned long long); break;                             \
    }                                                                                   \
  })
#define ___bpf_bits_store(type) *(type*)___at = (type)((*(type*)___at & ~___mask) | ___set)

/* Casts. */

extern void* bpf_rdonly_cast(const void* obj, __u32 btf_id) __weak __ksym;

/* `ptr` as a kernel type that may be dereferenced directly: BTF-checked, faults read zero (6.2). */
#define bpf_core_cast(ptr, type) \
  ((typeof(type)*)bpf_rdonly_cast((ptr), bpf_core_type_id_kernel(type)))
