// SPDX-License-Identifier: Apache-2.0
// Whether the object has lost its CO-RE relocations. Nothing in an instruction says that its offset
// was to be replaced: without .BTF.ext the code is complete, the kernel takes it, and it reads the
// fields where the headers of the compiling machine had them. But .BTF tells. A compiler of LLVM
// writes a type there because something needs it: a function's parameter, a variable, a member of
// such a type; or a CO-RE relocation, which is the only reason why a type can be there that neither
// a function nor a variable leads to.
#include "base/escape.h"
#include "btf/layout.h"
#include "btf/types.h"
#include "loader/collect_parts.h"

namespace bpfld::loader {
namespace {

using btf::Kind;
using btf::Type;
using btf::TypeId;

constexpr std::size_t kShown = 4;

// Marks what functions and variables lead to.
class Reached {
 public:
  explicit Reached(const btf::View& view) : view_(view), reached_(view.count()) {
    for (u32 id = 1; id < view.count(); id++) {
      const Kind kind = view.kind({id});
      if (kind == Kind::func || kind == Kind::var) follow({id});
    }
  }
  bool operator[](u32 id) const { return reached_[id]; }

 private:
  void add(TypeId id) {
    if (id.value == 0 || id.value >= reached_.size() || reached_[id.value]) return;
    reached_[id.value] = true;
    queue_.push_back(id);
  }
  void follow(TypeId start) {
    add(start);
    while (!queue_.empty()) {
      const Type type = view_.type(queue_.back());
      queue_.pop_back();
      add_parts(type);
    }
  }
  void add_parts(const Type& type) {
    for (const btf::Member& member : btf::members(view_, type))
      add(member.type);
    for (const btf::Param& param : btf::params(view_, type))
      add(param.type);
    switch (type.kind) {
      case Kind::array:
        add(btf::array(type).element);
        add(btf::array(type).index);
        return;
      case Kind::ptr:
      case Kind::typedef_:
      case Kind::volatile_:
      case Kind::const_:
      case Kind::restrict_:
      case Kind::func:
      case Kind::func_proto:
      case Kind::var:
      case Kind::decl_tag:
      case Kind::type_tag: add(type.type()); return;
      case Kind::void_:
      case Kind::int_:
      case Kind::struct_:
      case Kind::union_:
      case Kind::enum_:
      case Kind::enum64:
      case Kind::fwd:
      case Kind::datasec:
      case Kind::float_:
      case Kind::unknown: return;
    }
  }

  const btf::View& view_;
  std::vector<bool> reached_;
  std::vector<TypeId> queue_;
};

// GCC writes the types of the whole source file, whatever needs them.
bool is_from_gcc(const Collector& state) {
  const elf::Section* comment = state.elf.find_section(".comment");
  return comment != nullptr && text_of(comment->data).find("GCC:") != std::string_view::npos;
}

bool has_core_relocations(const Collector& state) {
  return state.ext && !state.ext->core.empty();
}

// A named type with contents: what a CO-RE relocation asks about.
bool is_asked_about(const Type& type) {
  return (btf::is_composite(type.kind) || btf::is_enum(type.kind)) && !type.name.empty() &&
         type.vlen != 0;
}

}  // namespace

void note_lost_relocations(Collector& state) {
  if (!state.btf || state.spec.programs.empty() || has_core_relocations(state)) return;
  LostRelocations lost;
  lost.ext_is_missing = !state.ext;
  if (!is_from_gcc(state)) {
    const Reached reached(*state.btf);
    for (u32 id = 1; id < state.btf->count(); id++) {
      if (reached[id] || !is_asked_about(state.btf->type({id}))) continue;
      if (lost.types.size() < kShown) lost.types.push_back(btf::type_name(*state.btf, {id}));
      lost.type_count++;
    }
  }
  if (lost.ext_is_missing || lost.type_count != 0) state.spec.lost_relocations = std::move(lost);
}

}  // namespace bpfld::loader
