// SPDX-License-Identifier: Apache-2.0
// See c_names.h. Two steps: a survey of who mentions which anonymous type, then one pass in id
// order that hands out names.
#include "btf/c_names.h"

#include <algorithm>
#include <array>

#include "btf/c_walk.h"

namespace bpfld::btf {
namespace {

constexpr std::array<std::string_view, 52> kKeywords = {
    "_Alignas",     "_Alignof",     "_Atomic",   "_Bool",          "_Complex",
    "_Generic",     "_Imaginary",   "_Noreturn", "_Static_assert", "_Thread_local",
    "__int128",     "asm",          "auto",      "break",          "case",
    "char",         "const",        "continue",  "default",        "do",
    "double",       "else",         "enum",      "extern",         "float",
    "for",          "goto",         "if",        "inline",         "int",
    "long",         "register",     "restrict",  "return",         "short",
    "signed",       "sizeof",       "static",    "struct",         "switch",
    "typedef",      "typeof",       "union",     "unsigned",       "void",
    "volatile",     "while",        "constexpr", "nullptr",        "static_assert",
    "thread_local", "typeof_unqual"};

constexpr std::string_view kStarts = "_abcdefgilnrstuvw";  // letters that keywords start with
constexpr std::size_t kMaxName = 511;                      // as View::validate()
constexpr std::size_t kSuffixBytes = 128;  // "___4294967295", and what a string and its entry cost

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_keyword(std::string_view name) {
  return std::ranges::find(kKeywords, name) != kKeywords.end();
}

// Compilers know these types and functions; a typedef or function of the name would be an error.
bool is_builtin(std::string_view name) {
  return name.starts_with("__builtin_");
}

}  // namespace

bool is_c_identifier(std::string_view name) {
  if (name.empty() || name.size() > kMaxName || is_digit(name[0])) return false;
  if (!std::ranges::all_of(name, [](char c) { return is_letter(c) || is_digit(c); })) return false;
  // A kernel's header has half a million names.
  return kStarts.find(name[0]) == std::string_view::npos || !is_keyword(name);
}

std::string c_identifier(std::string_view name) {
  std::string out(name.substr(0, kMaxName - 2));
  for (char& c : out)
    if (!is_letter(c) && !is_digit(c)) c = '_';
  if (out.empty() || is_digit(out[0])) out.insert(0, 1, '_');
  if (is_keyword(out)) out += '_';
  return out;
}

std::string_view CNames::of(const Type& type) const {
  if (!renamed_.empty()) {
    const auto found = renamed_.find(type.id.value);
    if (found != renamed_.end()) return found->second;
  }
  return type.name;
}

std::string_view CNames::enumerator(const Type& type, u32 index, std::string_view name) const {
  if (renamed_enumerators_.empty()) return name;
  const auto found = renamed_enumerators_.find(u64{type.id.value} << 32 | index);
  return found == renamed_enumerators_.end() ? name : found->second;
}

TypeId CNames::definition(TypeId id) const {
  const auto found = definitions_.find(id.value);
  return found == definitions_.end() ? id : found->second;
}

// Does the work of CNames::assign().
class CNamer {
 public:
  explicit CNamer(const View& view) : view_(&view) {
    names_.tagged_.assign(view.count(), 0);
    names_.mentions_.assign(view.count(), 0);
    for (const View* part = &view; part != nullptr; part = part->base())
      name_budget_ += 2 * (part->type_bytes().size() + part->string_bytes().size());
  }

  Result<CNames> run() && {
    find_kfuncs();
    TRY(survey());
    name_definitions();
    name_declarations();
    if (name_budget_ == 0)
      return fail(Code::limit, "too many types share their names to be written as C");
    names_.ordinary_ = std::move(ordinary_.taken);
    return std::move(names_);
  }

 private:
  // spec: one name space. Views of names are into the BTF or into names_.own_.
  struct Space {
    std::unordered_set<std::string_view> taken;
    std::unordered_map<std::string, u32> next;  // so that n equal names take n steps

    bool take(std::string_view name) { return taken.insert(name).second; }
  };

  // The name, or the first of name___2, name___3... that is free. Every type may have the same long
  // name, so the text that this makes has a budget; "_" when it is gone.
  std::string_view make_unique(Space& space, std::string name) {
    const std::size_t length = name.size();
    if (length + kSuffixBytes > name_budget_) {
      name_budget_ = 0;
      return "_";
    }
    u32& counter = space.next[name];
    for (u32 i = std::max(counter, 1u);; i++) {
      if (i > 1) name.replace(length, std::string::npos, format("___{}", i));
      if (space.taken.contains(name)) continue;
      counter = i + 1;
      name_budget_ -= length + kSuffixBytes;
      names_.own_.push_back(std::make_unique<std::string>(std::move(name)));
      space.taken.insert(*names_.own_.back());
      return *names_.own_.back();
    }
  }

  void find_kfuncs() {
    for (u32 id = view_->first_id(); id < view_->count(); id++) {
      if (view_->kind({id}) != Kind::decl_tag) continue;
      const Type tag = view_->type({id});
      if (tag.name == "bpf_kfunc" && view_->kind(tag.type()) == Kind::func)
        names_.kfuncs_.push_back(tag.type());
    }
    std::ranges::sort(names_.kfuncs_);
    const auto rest = std::ranges::unique(names_.kfuncs_);
    names_.kfuncs_.erase(rest.begin(), rest.end());
  }

  // Notes one mention of an anonymous type, or of a struct that is written out in another.
  void note(const CMention& mention) {
    const Type type = view_->type(mention.type);
    if (mention.in_place ? false : !type.name.empty()) return;
    if (type.kind == Kind::typedef_ || type.kind == Kind::fwd) return;
    if (mention.in_proto) names_.tagged_[type.id.value] = 1;
    u8& count = names_.mentions_[type.id.value];
    if (!type.name.empty()) count = 1;  // it is also written where it is defined
    if (count == 2) return;
    if (++count == 2) repeated_.push_back(type.id);
  }

  // Counts mentions. What an anonymous type contains is repeated where that is repeated.
  Status survey() {
    CWalker walker(*view_, none_);
    none_.assign(view_->count(), 0);
    const auto visit = [this](const CMention& mention) { note(mention); };
    for (u32 id = 1; id < view_->count(); id++) {
      const Type type = view_->type({id});
      const bool item = type.kind == Kind::typedef_ || is_composite(type.kind);
      if (item && !type.name.empty()) walker.each_mention({id}, visit);
    }
    for (const TypeId kfunc : names_.kfuncs_)
      walker.each_mention(kfunc, visit);
    for (std::size_t next = 0; next < repeated_.size(); next++) {
      const Type type = view_->type(repeated_[next]);
      if (!is_enum(type.kind)) walker.each_mention(type.id, visit);
    }
    if (walker.exhausted())
      return fail(Code::limit, "the types are too entangled to be written as C");
    for (const TypeId id : repeated_)
      if (is_enum(view_->kind(id))) names_.tagged_[id.value] = 1;
    return {};
  }

  void rename(const Type& type, std::string_view name) {
    if (name != type.name) names_.renamed_[type.id.value] = name;
  }

  // A name for a type or function; `made_up` for anonymous ones.
  void give(Space& space, const Type& type, std::string_view made_up = {}) {
    const std::string_view wish = type.name.empty() ? made_up : type.name;
    const bool writable = is_c_identifier(wish) && !(&space == &ordinary_ && is_builtin(wish));
    if (!writable && is_builtin(wish)) space.take(wish);  // the compiler has it
    if (writable && space.take(wish)) return rename(type, wish);
    rename(type,
           make_unique(space, is_c_identifier(wish) ? std::string(wish) : c_identifier(wish)));
  }

  void name_enumerators(const Type& type) {
    const Entries<Enumerator> list = enumerators(*view_, type);
    for (u32 i = 0; i < list.size(); i++) {
      const std::string_view name = list[i].name;
      if (is_c_identifier(name) && ordinary_.take(name)) continue;
      const std::string_view own = make_unique(ordinary_, c_identifier(name));
      names_.renamed_enumerators_[u64{type.id.value} << 32 | i] = own;
    }
  }

  // Bodies first: a forward declaration must not take the name from the struct that it is about.
  void name_definitions() {
    for (u32 id = 1; id < view_->count(); id++) {
      const Kind kind = view_->kind({id});
      if (kind == Kind::typedef_) give(ordinary_, view_->type({id}));
      if (!is_composite(kind) && !is_enum(kind)) continue;
      const Type type = view_->type({id});
      if (is_enum(kind)) name_enumerators(type);
      if (is_enum(kind) && type.vlen == 0 && !type.name.empty()) continue;
      if (!type.name.empty())
        remember(type);
      else if (names_.tagged_[id] == 0)
        continue;
      give(tags_, type, is_enum(kind) ? "anonymous_enum" : "anonymous_struct");
    }
    for (const TypeId kfunc : names_.kfuncs_)
      give(ordinary_, view_->type(kfunc));
  }

  std::unordered_map<std::string_view, TypeId>& first_of(const Type& type) {
    if (is_enum(type.kind)) return first_[2];
    return first_[type.kind == Kind::union_ || fwd_is_union(type) ? 1 : 0];
  }
  void remember(const Type& type) { first_of(type).try_emplace(type.name, type.id); }

  // Forward declarations, and enums of which nothing but the name is known.
  void name_declarations() {
    for (u32 id = 1; id < view_->count(); id++) {
      const Kind kind = view_->kind({id});
      if (kind != Kind::fwd && !is_enum(kind)) continue;
      const Type type = view_->type({id});
      if (type.name.empty() || (is_enum(kind) && type.vlen != 0)) continue;
      const auto found = first_of(type).find(type.name);
      if (found == first_of(type).end()) {
        give(tags_, type);
        remember(type);
        continue;
      }
      names_.definitions_[id] = found->second;
      rename(type, names_.of(view_->type(found->second)));
    }
  }

  const View* view_;
  CNames names_;
  std::vector<u8> none_;
  std::vector<TypeId> repeated_;
  Space tags_, ordinary_;
  u64 name_budget_ = 1u << 20;  // bytes of names that may still be made up
  // The first with a body, by name: of structs, unions, enums.
  std::array<std::unordered_map<std::string_view, TypeId>, 3> first_;
};

Result<CNames> CNames::assign(const View& view) {
  return CNamer(view).run();
}

}  // namespace bpfld::btf
