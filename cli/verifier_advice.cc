// SPDX-License-Identifier: Apache-2.0
// What the sentences of the verifier mean to the author of the program, and what helps: it speaks
// of registers and of what it could not prove, the author thinks of variables. A row is about what
// is common to the sentences that hold its pattern; the first that fits speaks, so the particular
// stand above the general. What a sentence says itself is not said again: no row then.
#include <algorithm>

#include "cli/verifier.h"

namespace bpfld::cli {
namespace {

// clang-format off
constexpr VerifierAdvice kAdvice[] = {
    // ---- pointers that may be NULL, and numbers that are none
    {"invalid mem access '*_or_null",
     "the pointer may be NULL here: it comes from a call that can fail, such as a map lookup",
     "test it first: if (!p) return 0;"},
    {"pointer arithmetic on *_or_null",
     "the pointer may be NULL here: it comes from a call that can fail, such as a map lookup",
     "test it first: if (!p) return 0;"},
    {"dereference of modified *_or_null",
     "the pointer may be NULL here: it comes from a call that can fail, such as a map lookup",
     "test it first: if (!p) return 0;"},
    {"type=*_or_null* expected=",
     "the pointer may be NULL here, and what is called does not take NULL",
     "test it first: if (!p) return 0;"},
    {"Possibly NULL pointer passed to",
     "the pointer may be NULL here, and what is called does not take NULL",
     "test it first: if (!p) return 0;"},
    {"invalid mem access 'scalar'",
     "a number is used as an address: only the context, the stack, map values and what the kernel marks as readable can be read directly; and a pointer is a number, too, once what it is for was released or may have moved",
     "bpf_probe_read_kernel(), bpf_probe_read_user() or BPF_CORE_READ()"},
    {"invalid mem access 'inv'",
     "a number is used as an address: only the context, the stack and map values can be read directly",
     "bpf_probe_read_kernel(), bpf_probe_read_user() or BPF_CORE_READ()"},
    {"type=scalar expected=",
     "a number is passed where a pointer is wanted; a pointer is one only until it is released, and not after it was stored and read back",
     ""},
    {"R0 !read_ok",
     "the program can end without having set its return value",
     "return a value on every path"},
    {"!read_ok",
     "nothing was stored in the register on this path; a call leaves nothing in R1 to R5",
     "give the variable a value on every path that leads here"},

    // ---- how far memory reaches
    {"invalid access to packet",
     "nothing on this path proves that the packet has these bytes; what changes a packet, such as bpf_skb_pull_data(), makes older proofs void",
     "if (p + size > data_end) return 0; close before the access, with the pointer that is used"},
    {"offset is outside of the packet",
     "nothing on this path proves that the packet has these bytes",
     "if (p + size > data_end) return 0; close before the access, with the pointer that is used"},
    {"outside of the allowed memory range",
     "the access reaches past the end of the memory that the pointer is for",
     "check the index or the size against a constant before, close to the access"},
    {"invalid access to map value",
     "the access can reach past the end of the map's value",
     "check the index or the size against a constant before, close to the access"},
    {"invalid access to memory",
     "the access can reach past the end of the memory that the pointer is for",
     "check the index or the size against a constant before, close to the access"},
    {"unbounded m",  // "unbounded memory access", "unbounded min value"
     "the verifier knows no limit for this index or size",
     "check it against a constant before, close to the access: if (i >= N) return 0;"},
    {"min value is negative",
     "as far as the verifier knows the number can be less than zero",
     "an unsigned type; or check it: if (n < 0) return 0;"},
    {"invalid zero-sized read",
     "the size can be 0, and what is called wants a byte at least",
     "if (size == 0) return 0;"},
    {"pointer be out of bounds",
     "so far no pointer can be moved: the verifier knows no useful limit for the number that is added",
     "check it against a constant before, close to the access: if (i >= N) return 0;"},
    {"math between * pointer and",
     "so far no pointer can be moved: the number that is added is too large, or less than zero",
     "an unsigned type; and check it against a constant before: if (i >= N) return 0;"},
    {"pointer offset * is not allowed",
     "so far no pointer can be moved: the number that is added is too large, or less than zero",
     "an unsigned type; and check it against a constant before: if (i >= N) return 0;"},
    {"invalid bpf_context access",
     "the program reads past what its type's context has, or a field of it in the wrong size",
     "`bpfld list sec` names each section's context"},
    {"ctx access var_off",
     "a context is read at offsets that are constants, from the pointer that the program was given",
     "copy the field to a variable; an index of a loop: #pragma unroll"},
    {"negative offset ctx",
     "a context is read at offsets that are constants, from the pointer that the program was given",
     "copy the field to a variable before the pointer is used otherwise"},
    {"dereference of modified ctx",
     "a context is read at offsets that are constants, from the pointer that the program was given",
     "copy the field to a variable before the pointer is used otherwise"},

    // ---- the stack
    {"invalid*read from stack",
     "these bytes are past the program's stack, or nothing was written to them: the padding of a struct, for one",
     "clear all of it before: __builtin_memset(&x, 0, sizeof(x));"},
    {"invalid*write to stack",
     "these bytes are past the variable's place on the stack, which is 512 bytes in all",
     "check the offset and the size that is passed against sizeof() of the variable"},
    {"combined stack size",
     "functions that call each other share the 512 bytes of the stack",
     "large variables in a map: BPF_MAP_TYPE_PERCPU_ARRAY of one element"},
    {"frames is too deep",
     "calls go at most 8 functions deep",
     "static __always_inline"},

    // ---- what may be written, and where
    {"write into map forbidden",
     "the map is read-only for programs: constants (.rodata), or BPF_F_RDONLY_PROG",
     ""},
    {"read from map forbidden",
     "the map is write-only for programs: BPF_F_WRONLY_PROG",
     ""},
    {"misaligned",
     "here an access must be at a multiple of its size",
     "__builtin_memcpy() of the bytes to a variable"},

    // ---- references, locks, objects
    {"Unreleased reference",
     "what the program takes (a socket, a task, a record of a ring buffer, an object) must be given back on every path",
     "the call that gives it back before every return: bpf_sk_release(), bpf_ringbuf_submit() or _discard(), bpf_task_release(), bpf_obj_drop() ..."},
    {"is an unacquired reference",
     "only what the program took itself can be given back, and that once",
     ""},
    {"must be referenced",
     "this takes only what the program itself got from the call that acquires such things, before it gives it back",
     ""},
    {"expects refcounted",
     "only what the program took itself can be given back, and that once",
     ""},
    {"must be held for bpf_",
     "a list or tree is guarded by the bpf_spin_lock in the same map value or object",
     "bpf_spin_lock() before, bpf_spin_unlock() after"},
    {"held lock and object are not in the same allocation",
     "a list or tree is guarded by the bpf_spin_lock in the same map value or object, and another one is held",
     "take the lock that stands beside it"},
    {"bpf_spin_unlock of different lock",
     "a lock is given back through the same map value or object through which it was taken",
     "look the element up once, and use that pointer for both"},
    {"calls are not allowed while holding a lock",
     "between bpf_spin_lock() and bpf_spin_unlock() a program calls nothing but a few helpers",
     "look things up before; only read and write between the two"},
    {"xpected an initialized",
     "a dynptr or an iterator must have been made on every path that leads here, and not have been released or destroyed",
     ""},

    // ---- what it returns
    {"At program exit the register R0",
     "programs of this type return only these values",
     "return one of them on every path; a number that was computed must be limited before"},
    {"At callback return the register R0",
     "a callback returns only these values: that of a loop 0 to go on, or 1 to stop",
     "return one of them on every path"},
    {"doesn't return scalar",
     "a global function, which the verifier checks alone, must return a number",
     "make it return int, or make it static"},
    {"return value not void or scalar",
     "a global function, which the verifier checks alone, must return a number or nothing",
     "make it return int, or make it static"},

    // ---- helpers, kfuncs, the license
    {"invalid func unknown#195896080",
     "a field or type that this kernel does not have is used (its CO-RE relocation found no match), and the use is not guarded",
     "guard it: if (bpf_core_field_exists(p->field)) ..."},
    {"cannot call GPL-restricted function",
     "the helper is only for programs whose license is compatible with the GPL",
     "char LICENSE[] SEC(\"license\") = \"GPL\"; (or \"Dual BSD/GPL\", \"Dual MIT/GPL\")"},
    {"cannot call GPL only function",
     "the helper is only for programs whose license is compatible with the GPL",
     "char LICENSE[] SEC(\"license\") = \"GPL\"; (or \"Dual BSD/GPL\", \"Dual MIT/GPL\")"},
    {"GPL compatible",  // "from non-GPL compatible program", "must have a GPL compatible license"
     "this is only for programs whose license is compatible with the GPL",
     "char LICENSE[] SEC(\"license\") = \"GPL\"; (or \"Dual BSD/GPL\", \"Dual MIT/GPL\")"},
    {"program of this type cannot use helper",
     "the kernel has this helper, but not for programs of this type",
     "bpf-helpers(7) says which types may call it"},
    {"calling kernel function * is not allowed",
     "the kernel has this function, but not for programs of this type",
     ""},
    {"cannot pass map_type",
     "the helper does not work on maps of this type",
     "bpf-helpers(7) says on which it does"},
    {"tracing progs cannot use",
     "programs that may run at any place in the kernel cannot use these",
     ""},
    {"might sleep in a non-sleepable",
     "only programs that may sleep can call this",
     "a section that ends in .s, if the type has one: `bpfld list sec`"},
    {"is not sleepable",
     "the program may sleep, and the function that it attaches to is none where that is allowed",
     "the section without .s"},
    {"is not modifiable",
     "fmod_ret is for functions that the kernel lets fail on purpose, and for security_*()",
     ""},
    {"attach to unsupported member",
     "the kernel has this callback, but not for BPF to implement",
     "leave the member out of the struct"},

    // ---- kernels that are too old
    {"BPF_CALL uses reserved fields",
     "this kernel has no calls of its own functions (kfuncs), which came with v5.13",
     ""},
    {"BPF_STX uses reserved fields",
     "this kernel has no atomic instructions but to add, which came with v5.12",
     ""},
    {"uses reserved fields",
     "this kernel does not know the instruction in this form: the object was compiled for a newer one",
     "clang -mcpu=v3 (for 5.1 and later), or -mcpu=v2"},
    {"unknown opcode",
     "this kernel does not know the instruction: the object was compiled for a newer one",
     "clang -mcpu=v3 (for 5.1 and later), or -mcpu=v2"},
    {"type PTR in * is not supported yet",
     "this kernel checks global functions alone, and takes no pointers for their arguments, which came with v5.12",
     "make it static"},
    {"number of funcs in func_info doesn't match",
     "this kernel does not know functions whose address is taken (callbacks), which came with v5.13",
     ""},
    {"unknown func",
     "this kernel does not have the helper, or not for programs of this type",
     "bpf-helpers(7) says since which kernel and for which types it exists"},
    {"invalid func",
     "this kernel does not have the helper",
     "bpf-helpers(7) says since which kernel it exists"},

    // ---- size and loops
    {"BPF program is too large",
     "the verifier follows every path, and these are more than a million instructions",
     "fewer branches in loops, bpf_loop(), or global functions, which are checked once"},
    {"is too complex",
     "the verifier follows every path, and there are too many of them",
     "fewer branches in loops, bpf_loop(), or global functions, which are checked once"},
    {"back-edge from insn",
     "this kernel takes no loops (they came with 5.3)",
     "unroll it: #pragma unroll"},
    {"infinite loop detected",
     "nothing that the loop changes makes it end",
     "give it a bound that is a constant"},

    // ---- programs about programs
    {"Cannot replace static functions",
     "the verifier checks a static function together with its callers, and a replacement alone",
     "make it global: without `static`, with __noinline"},
    {"Cannot recursively attach",
     "this kernel lets no tracing program look at another one, nor replace a replacement",
     "the target itself; since 6.8 a tracing program may look at one that nothing looks at"},
    {"Cannot extend fentry/fexit",
     "functions of tracing programs cannot be replaced",
     ""},
    {"Can attach to only JITed progs",
     "the target is interpreted: it has no code that could jump elsewhere",
     "sysctl net.core.bpf_jit_enable=1, and load the target again"},
    {"doesn't match type",  // "arg0 type UNKNOWN of foo() doesn't match type ..."
     "a replacement takes and returns what the function that it replaces does",
     "the same parameter types and return type as in the target"},
};
// clang-format on

// '*' matches anything, also nothing; the parts between must come in order.
bool holds(std::string_view text, std::string_view pattern) {
  while (!pattern.empty()) {
    const std::string_view part = pattern.substr(0, pattern.find('*'));
    const std::size_t at = text.find(part);
    if (at == std::string_view::npos) return false;
    text.remove_prefix(at + part.size());
    pattern.remove_prefix(part.size() == pattern.size() ? part.size() : part.size() + 1);
  }
  return true;
}

}  // namespace

std::span<const VerifierAdvice> verifier_advice_rows() {
  return kAdvice;
}

const VerifierAdvice* find_advice(std::string_view reason) {
  const auto row = std::ranges::find_if(
      kAdvice, [&](const VerifierAdvice& advice) { return holds(reason, advice.pattern); });
  return row == std::end(kAdvice) ? nullptr : row;
}

}  // namespace bpfld::cli
