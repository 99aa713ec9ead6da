// SPDX-License-Identifier: Apache-2.0
// Member by member; see struct_ops.h.
#include "loader/struct_ops.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>

#include "base/escape.h"
#include "btf/index.h"
#include "btf/layout.h"
#include "loader/kernel_lookup.h"

namespace bpfld::loader {
namespace {

using btf::Kind;
using btf::Member;
using btf::Type;

constexpr std::string_view kValuePrefix = "bpf_struct_ops_";

// Where a kernel declares the struct.
struct KernelStruct {
  const btf::View* btf = nullptr;
  Type value;  // bpf_struct_ops_NAME
  Type type;   // NAME: the member "data" of it
  u32 offset = 0;
  u32 module = 0;
};

// One map while it is matched.
struct Fit {
  const ObjectSpec& spec;
  const Selection& selection;
  const btf::View& local;
  const MapSpec& map;
  KernelStruct kernel = {};
  std::unordered_map<std::string_view, u32> members = {};  // of kernel.type, by name
  StructOps out = {};
  std::vector<std::optional<StructOpsTarget>>& targets;
};

std::string escaped(std::string_view text) {
  return escape_terminal(text);
}

KernelName value_name(std::string_view type) {
  const std::string_view essential = btf::essential_name(type);
  return {.kind = NameKind::struct_,
          .name = std::string(kValuePrefix) + std::string(essential),
          .module = {}};
}

Result<KernelStruct> find_struct(const KernelProfile& profile, std::string_view type,
                                 NearNames near_names) {
  const KernelName name = value_name(type);
  const KernelPlace place = TRY(find_name(
      profile, name, format("struct {}, by which BPF implements it,", name.name), near_names));
  KernelStruct found{
      .btf = view_of(profile, place), .value = {}, .type = {}, .offset = 0, .module = place.module};
  if (found.btf == nullptr) return fail(Code::internal, "the BTF of a module is missing");
  found.value = found.btf->type({place.type});
  for (const Member& member : btf::members(*found.btf, found.value)) {
    const Type data = btf::resolved(*found.btf, member.type);
    if (member.name != "data" || data.kind != Kind::struct_) continue;
    found.type = data;
    found.offset = member.bit_offset / 8;
    if (found.value.size() <= kMaxStructOps &&
        fits(found.value.size(), found.offset, found.type.size()))
      return found;
  }
  return fail(Code::unsupported, "the kernel's {} is not laid out like one", escaped(name.name));
}

// BPF_F_LINK and the link came together, in v6.4; the link's type is private to the kernel, but in
// its BTF.
bool has_links(const btf::View& kernel) {
  return btf::find_one(kernel, "bpf_struct_ops_link", {Kind::struct_}).value != 0;
}

bool all_zero(Bytes bytes) {
  return std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{0}; });
}

const StructOpsSlot* find_slot(const MapSpec& map, u64 offset) {
  const std::vector<StructOpsSlot>& slots = map.struct_ops->slots;
  const auto found = std::ranges::lower_bound(slots, offset, {}, &StructOpsSlot::offset);
  return found != slots.end() && found->offset == offset ? &*found : nullptr;
}

// The kernel has no such member: fine if the object does not set it, or sets it to a program that
// is optional, SEC("?struct_ops/x").
Status skip_member(Fit& fit, const Member& member, Bytes bytes, const StructOpsSlot* slot) {
  const ProgramSpec* program = slot != nullptr ? &fit.spec.programs[slot->program] : nullptr;
  if (!all_zero(bytes) || (program != nullptr && !program->section.starts_with('?')))
    return fail(Code::not_found, "is set, but the kernel's struct {} has no such member",
                escaped(fit.out.kernel_type));
  if (program == nullptr) return {};
  fit.out.left_out.push_back(slot->program);
  fit.out.notes.push_back(
      format("struct {}: optional program {} is left out: the kernel's struct {} has no member {}",
             escaped(fit.map.name), escaped(program->name), escaped(fit.out.kernel_type),
             escaped(member.name)));
  return {};
}

Status bind_callback(Fit& fit, const StructOpsSlot& slot, u32 index, u64 offset) {
  const ProgramSpec& program = fit.spec.programs[slot.program];
  const StructOpsTarget target{
      .type = fit.kernel.type.id.value, .member = index, .module = fit.kernel.module};
  std::optional<StructOpsTarget>& known = fit.targets[slot.program];
  if (known && *known != target)
    return fail(Code::unsupported,
                "program \"{}\" is already the callback of another member, and the kernel loads a "
                "program for one",
                escaped(program.name));
  known = target;
  if (std::ranges::binary_search(fit.selection, slot.program))
    fit.out.slots.push_back({.offset = static_cast<u32>(offset), .program = slot.program});
  else
    fit.out.notes.push_back(format("struct {}: without its callback {}, which is not loaded",
                                   escaped(fit.map.name), escaped(program.name)));
  return {};
}

Status fit_pointer(Fit& fit, const Member& local, const Member& kernel, u32 index, Bytes bytes,
                   const StructOpsSlot* slot) {
  if (!all_zero(bytes))
    return fail(Code::unsupported, "is a pointer to data, which BPF cannot set");
  if (slot == nullptr) return {};
  if (!is_callback(*fit.kernel.btf, kernel.type))
    return fail(Code::unsupported, "is a callback here, in the kernel it is `{}`",
                escaped(btf::declaration(*fit.kernel.btf, kernel.type, local.name)));
  return bind_callback(fit, *slot, index, u64{fit.kernel.offset} + kernel.bit_offset / 8);
}

Status copy_scalar(Fit& fit, const Member& local, const Member& kernel, Bytes bytes) {
  const u64 size = TRY(btf::size_of(*fit.kernel.btf, kernel.type));
  if (size != bytes.size())
    return fail(Code::unsupported, "has {} bytes here, {} in the kernel: `{}`", bytes.size(), size,
                escaped(btf::declaration(*fit.kernel.btf, kernel.type, local.name)));
  const u64 offset = u64{fit.kernel.offset} + kernel.bit_offset / 8;
  if (!fits(fit.out.value.size(), offset, size))
    return fail(Code::unsupported, "is outside of the kernel's struct");
  std::ranges::copy(bytes, fit.out.value.begin() + static_cast<std::ptrdiff_t>(offset));
  return {};
}

Status fit_member(Fit& fit, const Member& local) {
  const u64 offset = local.bit_offset / 8;
  if (local.bitfield_size != 0 || local.bit_offset % 8 != 0)
    return fail(Code::unsupported, "is a bit-field");
  const u64 size = TRY(btf::size_of(fit.local, local.type));
  const Bytes bytes = TRY(slice(fit.map.contents, offset, size));
  const StructOpsSlot* slot =
      is_callback(fit.local, local.type) ? find_slot(fit.map, offset) : nullptr;
  const auto found = fit.members.find(local.name);
  if (local.name.empty() || found == fit.members.end()) return skip_member(fit, local, bytes, slot);
  const Member kernel = btf::members(*fit.kernel.btf, fit.kernel.type)[found->second];
  const Kind kind = btf::resolved(fit.local, local.type).kind;
  if (kernel.bitfield_size != 0 || kernel.bit_offset % 8 != 0 ||
      btf::resolved(*fit.kernel.btf, kernel.type).kind != kind)
    return fail(Code::unsupported, "is `{}` here, in the kernel it is `{}`",
                escaped(btf::declaration(fit.local, local.type, local.name)),
                escaped(btf::declaration(*fit.kernel.btf, kernel.type, local.name)));
  if (kind == Kind::ptr) return fit_pointer(fit, local, kernel, found->second, bytes, slot);
  return copy_scalar(fit, local, kernel, bytes);
}

Status fit_map(Fit& fit, const KernelProfile& profile) {
  const Type type = btf::resolved(fit.local, {fit.map.struct_ops->type});
  fit.out.kernel_type = btf::essential_name(type.name);
  // What is wrong with a struct that is not made at all is said to nobody.
  const NearNames near_names =
      fit.map.struct_ops->autocreate ? NearNames::told : NearNames::left_out;
  fit.kernel = TRY(find_struct(profile, fit.out.kernel_type, near_names));
  fit.out.module = fit.kernel.module;
  fit.out.type = fit.kernel.type.id.value;
  fit.out.value_type = fit.kernel.value.id.value;
  fit.out.link = fit.map.struct_ops->link && has_links(profile.own_btf->view);
  if (fit.map.struct_ops->link && !fit.out.link)
    fit.out.notes.push_back(
        format("struct {}: this kernel has no struct_ops links (6.4 has): registered without one",
               escaped(fit.map.name)));
  fit.out.value.resize(fit.kernel.value.size());
  u32 index = 0;
  for (const Member& member : btf::members(*fit.kernel.btf, fit.kernel.type))
    fit.members.emplace(member.name, index++);
  for (const Member& member : btf::members(fit.local, type))
    TRY(with_context(fit_member(fit, member),
                     [&] { return format("member \"{}\"", escaped(member.name)); }));
  return {};
}

}  // namespace

bool is_callback(const btf::View& btf, btf::TypeId type) {
  const Type pointer = btf::resolved(btf, type);
  return pointer.kind == Kind::ptr && btf::resolved(btf, pointer.type()).kind == Kind::func_proto;
}

bool wants_struct_ops(const MapSpec& map, const Selection& selection) {
  if (!map.struct_ops) return false;
  const std::vector<StructOpsSlot>& slots = map.struct_ops->slots;
  if (slots.empty()) return map.struct_ops->autocreate;
  return std::ranges::any_of(slots, [&](const StructOpsSlot& slot) {
    return std::ranges::binary_search(selection, slot.program);
  });
}

void struct_ops_needs(const ObjectSpec& spec, const Selection& selection, Needs& out) {
  std::optional<btf::View> local;
  for (const MapSpec& map : spec.maps) {
    if (!wants_struct_ops(map, selection)) continue;
    if (!local) {
      Result<btf::View> view = btf::View::parse(spec.btf);
      if (!view) return;  // link() says it
      local.emplace(std::move(*view));
    }
    out.names.push_back(value_name(btf::resolved(*local, {map.struct_ops->type}).name));
  }
}

Result<StructOpsOutcome> fit_struct_ops(const ObjectSpec& spec, const Selection& selection,
                                        const KernelProfile& profile) {
  StructOpsOutcome out;
  out.targets.resize(spec.programs.size());
  if (std::ranges::none_of(spec.maps,
                           [&](const MapSpec& m) { return wants_struct_ops(m, selection); }))
    return out;
  const btf::View local = TRY(btf::View::parse(spec.btf));
  for (u32 i = 0; i < spec.maps.size(); i++) {
    const MapSpec& map = spec.maps[i];
    if (!wants_struct_ops(map, selection)) continue;
    Fit fit{
        .spec = spec, .selection = selection, .local = local, .map = map, .targets = out.targets};
    fit.out.map = i;
    const std::vector<std::optional<StructOpsTarget>> before = out.targets;
    const Status done = with_context(fit_map(fit, profile), [&] {
      return format("map \"{}\", struct {}", escaped(map.name),
                    escaped(btf::resolved(local, {map.struct_ops->type}).name));
    });
    if (!done && map.struct_ops->autocreate) return std::unexpected(done.error());
    if (!done)
      out.targets = before;
    else if (map.struct_ops->autocreate)
      out.maps.push_back(std::move(fit.out));
  }
  return out;
}

}  // namespace bpfld::loader
