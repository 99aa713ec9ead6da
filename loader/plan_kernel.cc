// SPDX-License-Identifier: Apache-2.0
// What requests say of the kernel's own types: the id of what a program is bound to and, when that
// is in a module, the fd of the module's BTF. See plan_parts.h.
#include "base/escape.h"
#include "loader/binding.h"
#include "loader/kernel_lookup.h"
#include "loader/plan_parts.h"

namespace bpfld::loader {

Result<bpf::Fd> module_btf(Planner& planner, u32 module) {
  if (module == 0) return bpf::Fd();
  const auto known = planner.module_slots.find(module);
  if (known != planner.module_slots.end()) return bpf::Fd::slot(known->second);
  const std::string name =
      escape_terminal(module_name(planner.profile, {.type = 0, .module = module}));
  const KernelProfile::Modules* modules = planner.profile.modules.get();
  if (modules == nullptr || module > modules->list.size())
    return fail(Code::internal, "there is no module {}", module);
  const u32 id = modules->list[module - 1].btf_id;
  if (id == 0)
    return fail(Code::denied, "the id of the BTF of module {} is not known{}{}", name,
                planner.profile.modules_problem.empty() ? "" : ": ",
                planner.profile.modules_problem);
  const u32 slot = planner.new_slot();
  planner.add(format("BTF of module {}", name), bpf::ObjectById{bpf::ObjectKind::btf, id}, slot);
  planner.module_slots.emplace(module, slot);
  return bpf::Fd::slot(slot);
}

namespace {

// The fd of a program that is loaded already, asked for once.
bpf::Fd loaded_program(Planner& planner, u32 id) {
  const auto known = planner.program_slots.find(id);
  if (known != planner.program_slots.end()) return bpf::Fd::slot(known->second);
  const u32 slot = planner.new_slot();
  planner.add(format("program {}", id), bpf::ObjectById{bpf::ObjectKind::program, id}, slot);
  planner.program_slots.emplace(id, slot);
  return bpf::Fd::slot(slot);
}

}  // namespace

namespace {

// A program for many functions names none of them yet, only the module that they are in.
Status bind_many(Planner& planner, const ProgramSpec& program, bpf::ProgLoad& request) {
  const std::string& place = program.places.empty() ? program.target : program.places.front().place;
  const auto fact = planner.profile.traced.find(place);
  if (fact != planner.profile.traced.end())
    request.attach_target = TRY(module_btf(planner, fact->second.module));
  return {};
}

}  // namespace

Status bind_target(Planner& planner, const ProgramSpec& program, bpf::ProgLoad& request) {
  if (program.row->method == AttachMethod::tracing_multi)
    return bind_many(planner, program, request);
  const std::optional<Binding> target = TRY(binding_of(planner.spec, program, planner.profile));
  if (!target) return {};
  request.attach_btf_id = target->type;
  if (!target->note.empty()) planner.note("{}: {}", escape_terminal(program.name), target->note);
  if (target->own_program) {
    const std::optional<u32> slot = planner.plan.program_slots[*target->own_program];
    if (!slot)
      return fail(Code::not_found, "program \"{}\", which it is about, is not loaded",
                  escape_terminal(planner.spec.programs[*target->own_program].name));
    request.attach_target = bpf::Fd::slot(*slot);
    // By the type that the kernel was told of the function.
    const auto told = planner.context_functions.find({*target->own_program, target->type});
    if (told != planner.context_functions.end()) request.attach_btf_id = told->second;
  } else if (target->program_id != 0) {
    request.attach_target = loaded_program(planner, target->program_id);
  } else {
    request.attach_target = TRY(module_btf(planner, target->module));
  }
  return {};
}

Status add_kernel_references(Planner& planner, const LinkedProgram& program,
                             bpf::ProgLoad& request) {
  std::map<u32, u32> numbers;  // by module: index in fd_array, whose first is the kernel itself
  for (const KernelReference& reference : program.kernel_references) {
    if (reference.place.module == 0) continue;
    const bpf::Fd fd = TRY(module_btf(planner, reference.place.module));
    bpf::Insn& insn = request.insns[reference.at.value];
    if (!insn.is_call()) {
      request.btf_references.push_back({.at = reference.at, .btf = fd});
      continue;
    }
    const auto [number, added] =
        numbers.emplace(reference.place.module, static_cast<u32>(numbers.size() + 1));
    if (added) {
      if (request.fd_array.empty()) request.fd_array.emplace_back();
      request.fd_array.push_back(fd);
    }
    if (number->second > 0x7fff) return fail(Code::limit, "calls kfuncs of too many modules");
    insn.offset = static_cast<i16>(number->second);
  }
  return {};
}

}  // namespace bpfld::loader
