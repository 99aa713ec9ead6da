// SPDX-License-Identifier: Apache-2.0
// A kernel can refuse a program without a word: what is checked before the verifier starts
// (kernel/bpf/syscall.c: bpf_prog_load(), bpf_prog_load_check_attach()), and a few checks inside it
// (kernel/bpf/verifier.c: check_attach_btf_id()), write no log. EINVAL alone helps nobody, so the
// kernel is asked again with ever less of the request, until what is left is looked at: then what
// was taken away last is what it does not know. Where nothing can be asked, the reasons that there
// are for a program of that type are told as what they are: possible ones.
#pragma once

#include <string>
#include <string_view>

#include "bpf/kernel.h"

namespace bpfld::cli {

// spec: why.
struct SilentRefusal {
  std::string sentence;  // empty: nothing is known about such a refusal
  // Of the kernel's configuration, which would change it in kernels since that release; empty:
  // none.
  std::string_view option, since;
  bool is_certain = false;  // by the request itself, or because the kernel was asked
  bool operator==(const SilentRefusal&) const = default;
};

// Whether the refusal of a BPF_PROG_LOAD with that log needs this: neither a sentence of the
// verifier nor an errno that says it all (EPERM, ENOMEM ...).
bool is_silent(const Error& refusal);

// `load` is the request that was refused, its fds slots or numbers that may be closed by now: they
// are not used. `kernel` may be null: then only the request is looked at. What the questions create
// is closed at once. `target` is what the program is to be attached to, by name; may be empty.
SilentRefusal explain_silence(const bpf::ProgLoad& load, const Error& refusal,
                              std::string_view target, bpf::Kernel* kernel);

}  // namespace bpfld::cli
