// SPDX-License-Identifier: Apache-2.0
// A program may name the function that the kernel calls when it throws (bpf_throw, v6.7): by a tag
// "exception_callback:NAME" on its FUNC. No instruction refers to that function, so it is found
// here.
//
// Kernel side: kernel/bpf/btf.c: bpf_find_exception_callback_insn_off().
#include <optional>
#include <unordered_map>

#include "base/escape.h"
#include "btf/types.h"
#include "loader/collect_parts.h"

namespace bpfld::loader {
namespace {

constexpr std::string_view kTag = "exception_callback:";

// FUNC id -> the name in its tag; none if it has several: no program but this one is the worse for
// it, and what is wrong with this one the kernel says ("multiple exception callback tags").
using Tagged = std::unordered_map<u32, std::optional<std::string_view>>;

Tagged tagged_functions(const btf::View& btf) {
  Tagged out;
  for (u32 id = 1; id < btf.count(); id++) {
    if (btf.kind({id}) != btf::Kind::decl_tag) continue;
    const btf::Type tag = btf.type({id});
    if (!tag.name.starts_with(kTag) || btf::tag_component(tag) != -1) continue;
    const auto [place, added] = out.emplace(tag.size_or_type, tag.name.substr(kTag.size()));
    if (!added) place->second.reset();
  }
  return out;
}

}  // namespace

Status collect_callbacks(Collector& state) {
  if (!state.btf) return {};
  const Tagged tagged = tagged_functions(*state.btf);
  if (tagged.empty()) return {};
  std::vector<FunctionSpec>& functions = state.spec.functions;
  std::unordered_map<std::string_view, u32> global;  // those that the verifier checks by themselves
  for (u32 i = 0; i < functions.size(); i++)
    if (!functions[i].is_static && !state.places[i].is_entry) global.emplace(functions[i].name, i);
  for (const ProgramSpec& program : state.spec.programs) {
    FunctionSpec& function = functions[program.function];
    if (function.func_info.empty()) continue;
    const auto tag = tagged.find(function.func_info.front().type);
    if (tag == tagged.end() || !tag->second) continue;
    const auto callback = global.find(*tag->second);
    if (callback == global.end())
      return fail(Code::malformed,
                  "program \"{}\": its exception callback \"{}\" is not one global function",
                  escape_terminal(program.name), escape_terminal(*tag->second));
    function.exception_callback = callback->second;
  }
  return {};
}

}  // namespace bpfld::loader
