// SPDX-License-Identifier: Apache-2.0
// See c_order.h. A depth-first walk with its own stack: an item is written when all that it
// mentions is. Pointers do not count, so list_head and its like are no cycles.
#include "btf/c_order.h"

#include <span>

#include "btf/c_walk.h"

namespace bpfld::btf {
namespace {

class Orderer {
 public:
  Orderer(const View& view, const CNames& names)
      : view_(&view),
        names_(&names),
        walker_(view, names.tagged()),
        states_(view.count(), State::none) {}

  Status add(TypeId root) {
    TRY(want(root));
    while (!stack_.empty())
      TRY(step());
    return {};
  }
  Result<std::vector<CItem>> finish() && {
    if (walker_.exhausted())
      return fail(Code::limit, "the types are too entangled to be written as C");
    return std::move(items_);
  }

 private:
  enum class State : u8 { none, open, done };  // open: it waits for what it mentions

  // One item on the stack; what it mentions lies in needs_ from `begin` on.
  struct Frame {
    TypeId id;
    std::size_t begin = 0;
    std::size_t next = 0;
  };

  Status want(TypeId id) {
    id = names_->definition(id);
    State& state = states_[id.value];
    if (state == State::done) return {};
    const Type type = view_->type(id);
    if (state == State::open)
      return fail(Code::malformed, "BTF type [{}]: {} \"{}\" needs itself to be declared", id.value,
                  kind_name(type.kind), type.name);
    if (type.kind == Kind::fwd) {
      declare(id);
      return {};
    }
    state = State::open;
    stack_.push_back({.id = id, .begin = needs_.size(), .next = needs_.size()});
    walker_.each_mention(id, [this](const CMention& mention) {
      if (is_needed(mention)) needs_.push_back(mention);
    });
    return {};
  }

  bool is_needed(const CMention& mention) const {
    const Kind kind = view_->kind(mention.type);
    if (mention.in_place) return false;
    if (!is_composite(kind) && kind != Kind::fwd) return true;
    return mention.complete || mention.in_proto;
  }

  // Makes a tag known at file scope.
  void declare(TypeId id) {
    id = names_->definition(id);
    if (states_[id.value] == State::done || !declared_.insert(id.value).second) return;
    items_.push_back({.type = id, .forward = true});
    if (view_->kind(id) == Kind::fwd) states_[id.value] = State::done;
  }

  Status step() {
    Frame& frame = stack_.back();
    if (frame.next == needs_.size()) {
      if (is_declared_by_itself(view_->type(frame.id))) items_.push_back({.type = frame.id});
      states_[frame.id.value] = State::done;
      needs_.resize(frame.begin);
      stack_.pop_back();
      return {};
    }
    const CMention mention = needs_[frame.next++];
    const Kind kind = view_->kind(names_->definition(mention.type));
    if (kind == Kind::fwd || (is_composite(kind) && !mention.complete)) {
      if (mention.type != frame.id) declare(mention.type);
      return {};
    }
    return want(mention.type);
  }

  bool is_declared_by_itself(const Type& type) const {
    if (is_composite(type.kind) || type.kind == Kind::typedef_) return names_->has_tag(type);
    if (type.kind == Kind::func) return true;
    // Enumerators of an enum that nobody mentions are constants all the same.
    return is_enum(type.kind) && (names_->has_tag(type) || !names_->is_mentioned(type.id));
  }

  const View* view_;
  const CNames* names_;
  CWalker walker_;
  std::vector<State> states_;
  std::unordered_set<u32> declared_;
  std::vector<Frame> stack_;
  std::vector<CMention> needs_;
  std::vector<CItem> items_;
};

}  // namespace

Result<std::vector<CItem>> order_declarations(const View& view, const CNames& names,
                                              const std::vector<TypeId>& roots) {
  Orderer orderer(view, names);
  for (const TypeId root : roots)
    TRY(orderer.add(root));
  return std::move(orderer).finish();
}

std::vector<TypeId> all_declarations(const View& view, const CNames& names) {
  std::vector<TypeId> out;
  for (u32 id = view.first_id(); id < view.count(); id++) {
    const Kind kind = view.kind({id});
    const bool listed = is_composite(kind) || kind == Kind::typedef_ || kind == Kind::fwd;
    if (!listed && !is_enum(kind)) continue;
    const Type type = view.type({id});
    const bool constants = is_enum(kind) && !names.is_mentioned({id}) && type.vlen != 0;
    if (names.has_tag(type) || constants) out.push_back({id});
  }
  out.insert(out.end(), names.kfuncs().begin(), names.kfuncs().end());
  return out;
}

}  // namespace bpfld::btf
