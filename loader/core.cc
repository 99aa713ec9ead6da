// SPDX-License-Identifier: Apache-2.0
// Gathering the questions, applying the answers; see core.h.
#include "loader/core.h"

#include "base/escape.h"

namespace bpfld::loader {
namespace {

// spec: which instruction asked.
struct Asker {
  u32 function;
  InsnIndex at;
};

std::string label(const FunctionSpec& function, std::size_t number, const btf::View& local,
                  const btf::CoreRelo& relo) {
  return format("function \"{}\": CO-RE relocation #{} {} {}", escape_terminal(function.name), number,
                btf::core_kind_name(relo.kind), escape_terminal(btf::core::path_text(local, relo)));
}

}  // namespace

Result<CoreOutcome> relocate_core(const ObjectSpec& spec, std::span<const u32> functions,
                                  const KernelProfile& profile,
                                  std::vector<std::vector<bpf::Insn>>& code) {
  std::vector<Asker> askers;
  std::vector<btf::CoreRelo> relos;
  for (u32 index : functions) {
    for (const CoreRelocation& relo : spec.functions[index].core) {
      askers.push_back({index, relo.at});
      relos.push_back({static_cast<u32>(relo.at.value * kInsnSize), {relo.type}, relo.access, relo.kind});
    }
  }
  CoreOutcome out;
  if (relos.empty()) return out;
  out.local = std::make_shared<const btf::View>(TRY(btf::View::parse(spec.btf)));
  if (!profile.btf)
    return fail(Code::not_found, "{} CO-RE relocations, {} {} first, need the kernel's BTF: {}",
                relos.size(), btf::core_kind_name(relos[0].kind),
                escape_terminal(btf::core::path_text(*out.local, relos[0])),
                escape_terminal(profile.btf_problem));
  const btf::core::Target targets[] = {{&profile.btf->view, "vmlinux"}};
  out.resolutions = TRY(btf::core::resolve(*out.local, targets, relos));
  for (std::size_t i = 0; i < relos.size(); i++) {
    const u32 function = askers[i].function;
    Fixup fixup =
        TRY(with_context(fix_up(code[function], askers[i].at, out.resolutions[i]),
                         [&] { return label(spec.functions[function], i, *out.local, relos[i]); }));
    fixup.function = function;
    fixup.resolution = static_cast<u32>(i);
    out.fixups.push_back(std::move(fixup));
  }
  return out;
}

}  // namespace bpfld::loader
