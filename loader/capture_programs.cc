// SPDX-License-Identifier: Apache-2.0
// Asks the kernel what a program's functions are: its func_info says which types they have, its BTF
// which names. See capture_parts.h.
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_set>

#include "base/escape.h"
#include "base/glob.h"
#include "bpf/object_info.h"
#include "btf/types.h"
#include "loader/capture_parts.h"
#include "loader/kernel_lookup.h"
#include "loader/kernel_objects.h"
#include "loader/places.h"

namespace bpfld::loader {
namespace {

constexpr std::string_view kById = "id:";
constexpr u32 kMaxFunctions = 1u << 16;  // the kernel's limit is 256 subprograms

// Whether both are about one program: its type, id and tag.
bool is_same(const std::vector<std::byte>& a, const std::vector<std::byte>& b) {
  constexpr std::size_t kTagEnd = 16;
  return a.size() >= kTagEnd && b.size() >= kTagEnd &&
         std::ranges::equal(std::span(a).first(kTagEnd), std::span(b).first(kTagEnd));
}

Result<KernelObject> open_pinned(bpf::Kernel& kernel, std::string_view path) {
  const bpf::Reply reply = TRY(kernel.call(bpf::ObjGet{.path = std::string(path)}));
  UniqueFd fd(static_cast<int>(reply.value));
  KernelObject pinned = TRY(describe_object(kernel, bpf::ObjectKind::program, std::move(fd)));
  // A map can be pinned as well, and the kernel describes it in the same words: a type and an id.
  Result<KernelObject> program =
      open_object(kernel, bpf::ObjectKind::program, bpf::decode_program_info(pinned.info).id);
  if (!program && program.error().errno_value != ENOENT) return program;
  if (!program || !is_same(pinned.info, program->info))
    return fail(Code::not_found, "what is pinned there is no program");
  return program;
}

// As in TargetProgram::loaded.
Result<KernelObject> open_program(bpf::Kernel& kernel, std::string_view name) {
  if (!name.starts_with(kById)) return open_pinned(kernel, name);
  u32 id = 0;
  const std::string_view digits = name.substr(kById.size());
  const std::from_chars_result done =
      std::from_chars(digits.data(), digits.data() + digits.size(), id);
  if (done.ec != std::errc() || done.ptr != digits.data() + digits.size() || id == 0)
    return fail(Code::usage, "\"{}\" is no id of a program", escape_terminal(digits));
  Result<KernelObject> object = open_object(kernel, bpf::ObjectKind::program, id);
  if (!object && object.error().errno_value == ENOENT)
    return fail(Code::not_found, "no program has the id {}", id);
  return object;
}

Status read_functions(bpf::Kernel& kernel, const KernelObject& program,
                      const bpf::ProgramInfo& info, ProgramFact& fact) {
  if (info.btf_id == 0 || info.function_count == 0) return {};
  if (info.function_count > kMaxFunctions)
    return fail(Code::limit, "it has {} functions", info.function_count);
  const bpf::Reply reply =
      TRY(kernel.call(bpf::ObjectContents{.kind = bpf::ObjectKind::program,
                                          .object = bpf::Fd::number(program.fd.get()),
                                          .size = info.function_count * bpf::kFunctionInfoSize,
                                          .functions = true}));
  const LoadedBtf btf = TRY(read_loaded_btf(kernel, info.btf_id));
  for (u64 at = 0; reply.data.size() - at >= bpf::kFunctionInfoSize; at += bpf::kFunctionInfoSize) {
    const u32 type = load_checked<u32>(reply.data, at + sizeof(u32));
    if (type >= btf.view->count() || btf.view->kind({type}) != btf::Kind::func) continue;
    const btf::Type function = btf.view->type({type});
    fact.functions.push_back(
        {.name = std::string(function.name),
         .type = type,
         .is_global = function.vlen == static_cast<u32>(btf::Linkage::global)});
  }
  fact.has_btf = true;
  return {};
}

Result<ProgramFact> look_at(bpf::Kernel& kernel, const std::string& name) {
  const KernelObject program = TRY(open_program(kernel, name));
  const bpf::ProgramInfo info = bpf::decode_program_info(program.info);
  ProgramFact fact;
  fact.id = info.id;
  fact.type = info.type;
  fact.name = info.name;
  fact.is_jited = info.jited_size != 0;
  TRY(read_functions(kernel, program, info, fact));
  if (!fact.functions.empty()) fact.name = fact.functions.front().name;  // not cut to 15 bytes
  return fact;
}

// The number of a module that is loaded and has BTF; 0: there is none.
u32 find_module(const KernelProfile& profile, std::string_view name) {
  if (!profile.modules) return 0;
  const std::vector<KernelProfile::Module>& list = profile.modules->list;
  const auto found = std::ranges::find(list, name, &KernelProfile::Module::name);
  return found != list.end() ? static_cast<u32>(found - list.begin()) + 1 : 0;
}

TracedFact find_traced(const KernelProfile& profile, const std::string& text) {
  TracedFact out;
  const TracedPlace place = traced_place(text);
  const std::string glob(place.glob);
  if (!profile.own_btf) {
    out.problem =
        "functions are found in BTF, so this needs the kernel's BTF: " + profile.btf_problem;
    return out;
  }
  std::optional<std::unordered_set<std::string_view>> traceable;
  if (is_glob(glob)) {
    const auto functions = profile.functions.find(glob);
    if (functions == profile.functions.end()) return out;
    out.problem = functions->second.problem;
    out.errno_value = functions->second.errno_value;
    traceable.emplace(functions->second.names.begin(), functions->second.names.end());
  }
  out.module = place.module.empty() ? 0 : find_module(profile, place.module);
  if (!place.module.empty() && out.module == 0) {
    out.problem = format("module {} is not loaded or has no BTF", escape_terminal(place.module));
    return out;
  }
  const btf::View& view = *view_of(profile, {.type = 0, .module = out.module});
  for (u32 id = view.base() != nullptr ? view.base()->count() : 1; id < view.count(); id++) {
    if (view.kind({id}) != btf::Kind::func) continue;
    const btf::Type function = view.type({id});
    if (traceable ? !traceable->contains(function.name) : function.name != glob) continue;
    if (fits_trampoline(view, function))
      out.types.push_back(id);
    else
      out.unfit++;
  }
  return out;
}

}  // namespace

void capture_programs(KernelProfile& profile, const Needs& needs, bpf::Kernel* kernel) {
  for (const std::string& name : needs.programs) {
    ProgramFact fact;
    Result<ProgramFact> found =
        kernel != nullptr ? look_at(*kernel, name)
                          : Result<ProgramFact>(fail(Code::unsupported,
                                                     "the kernel is not asked about its programs"));
    if (found) {
      fact = std::move(*found);
    } else {
      fact.problem = format("target {}: {}", escape_terminal(name), found.error().message());
      fact.errno_value = found.error().errno_value;
    }
    profile.programs.emplace(name, std::move(fact));
  }
}

void capture_traced(KernelProfile& profile, const Needs& needs) {
  for (const std::string& glob : needs.traced_globs)
    profile.traced.emplace(glob, find_traced(profile, glob));
}

}  // namespace bpfld::loader
