// SPDX-License-Identifier: Apache-2.0
// See core.h.
#include "loader/core.h"

#include <algorithm>
#include <tuple>

#include "base/escape.h"

namespace bpfld::loader {
namespace {

using btf::core::Target;

const CoreRelocation& relocation(const ObjectSpec& spec, CoreOutcome::Source source) {
  return spec.functions[source.function].core[source.index];
}

// In the order of .BTF.ext, which is not that of the functions.
std::vector<CoreOutcome::Source> sources_of(const ObjectSpec& spec,
                                            std::span<const u32> functions) {
  std::vector<CoreOutcome::Source> out;
  for (const u32 function : functions) {
    for (u32 i = 0; i < spec.functions[function].core.size(); i++)
      out.push_back({.function = function, .index = i});
  }
  const auto order = [&](CoreOutcome::Source source) {
    return std::tuple(relocation(spec, source).number, source.function, source.index);
  };
  if (!std::ranges::is_sorted(out, {}, order)) std::ranges::sort(out, {}, order);
  return out;
}

btf::CoreRelo to_relo(const CoreRelocation& relocation) {
  return {.insn_offset = static_cast<u32>(relocation.at.value * kInsnSize),
          .type = {relocation.type},
          .access = relocation.access,
          .kind = relocation.kind};
}

std::vector<Target> targets_of(const KernelProfile& profile) {
  if (!profile.btf) return {};
  std::vector<Target> targets = {
      {.view = &profile.btf->view, .name = "vmlinux", .located = &profile.btf->located}};
  // Modules continue the running kernel's BTF, not one from a file.
  if (profile.modules && profile.modules->base == profile.btf)
    for (const KernelProfile::Module& module : profile.modules->list)
      targets.push_back({.view = &module.view, .name = module.name});
  return targets;
}

std::string question(const ObjectSpec& spec, const CoreRelocation& relocation) {
  const Result<btf::View> local = btf::View::parse(spec.btf);
  return local ? btf::core::question_text(to_relo(relocation), *local) : local.error().message();
}

// The first few of what is asked, each once: what the object is about.
std::string first_questions(const ObjectSpec& spec, std::span<const CoreOutcome::Source> sources,
                            const btf::View& local) {
  constexpr std::size_t kShown = 3;
  std::vector<std::string> texts;
  for (const CoreOutcome::Source source : sources) {
    std::string text = btf::core::question_text(to_relo(relocation(spec, source)), local);
    if (std::ranges::find(texts, text) != texts.end()) continue;
    if (texts.size() == kShown) {
      texts.emplace_back("...");
      break;
    }
    texts.push_back(std::move(text));
  }
  std::string out;
  for (const std::string& text : texts)
    out += (out.empty() ? "" : ", ") + escape_terminal(text);
  return out;
}

}  // namespace

Result<CoreOutcome> resolve_core(const ObjectSpec& spec, std::span<const u32> functions,
                                 const KernelProfile& profile) {
  CoreOutcome out;
  out.sources = sources_of(spec, functions);
  if (out.sources.empty()) return out;
  const btf::View local = TRY(btf::View::parse(spec.btf));
  if (!profile.btf)
    return fail(Code::not_found, "{} CO-RE relocations ({}) need the kernel's BTF: {}",
                out.sources.size(), first_questions(spec, out.sources, local), profile.btf_problem);
  std::vector<btf::CoreRelo> relos;
  relos.reserve(out.sources.size());
  for (const CoreOutcome::Source source : out.sources)
    relos.push_back(to_relo(relocation(spec, source)));
  out.resolutions = TRY(btf::core::resolve(local, targets_of(profile), relos));
  return out;
}

Status patch_core(const ObjectSpec& spec, const KernelProfile& profile, CoreOutcome& outcome,
                  std::vector<std::vector<bpf::Insn>>& code) {
  outcome.fixups.reserve(outcome.resolutions.size());
  for (u32 i = 0; i < outcome.resolutions.size(); i++) {
    const CoreOutcome::Source source = outcome.sources[i];
    const CoreRelocation& relo = relocation(spec, source);
    Result<Fixup> fixup =
        with_context(fix_up(code[source.function], relo.at, outcome.resolutions[i]), [&] {
          return format("function \"{}\": instruction {}: CO-RE {}",
                        escape_terminal(spec.functions[source.function].name), relo.at.value,
                        escape_terminal(question(spec, relo)));
        });
    if (!fixup) {
      fixup.error().detail =
          escape_terminal(btf::core::evidence(outcome.resolutions[i], targets_of(profile)));
      return std::unexpected(std::move(fixup).error());
    }
    fixup->function = source.function;
    outcome.fixups.push_back(*fixup);
  }
  return {};
}

Result<CoreOutcome> relocate_core(const ObjectSpec& spec, std::span<const u32> functions,
                                  const KernelProfile& profile,
                                  std::vector<std::vector<bpf::Insn>>& code) {
  CoreOutcome out = TRY(resolve_core(spec, functions, profile));
  TRY(patch_core(spec, profile, out, code));
  return out;
}

std::string describe_core(const ObjectSpec& spec, const KernelProfile& profile,
                          const CoreOutcome& outcome, u32 resolution) {
  if (resolution >= outcome.resolutions.size()) return {};
  const Result<btf::View> local = btf::View::parse(spec.btf);
  if (!local) return local.error().message();
  return btf::core::describe(outcome.resolutions[resolution],
                             to_relo(relocation(spec, outcome.sources[resolution])), *local,
                             targets_of(profile));
}

}  // namespace bpfld::loader
