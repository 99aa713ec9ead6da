// SPDX-License-Identifier: Apache-2.0
// BTF types as C source: struct definitions with the members, padding and attributes that give them
// their layout back, enums of their size, typedefs, prototypes. All that comes from the BTF is a
// name (see c_names.h) or a number, so no input can break out of its place.
//
// What BTF says and the text leaves out: type and decl tags, alignment (padding does its work, see
// c_layout.h) and whether an array is `[0]` or `[]`: always the first, which C allows anywhere.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "btf/c_layout.h"
#include "btf/c_names.h"
#include "btf/c_order.h"
#include "btf/types.h"

namespace bpfld::btf {

// handle: writes items of one BTF. View and CNames must outlive it.
class CWriter {
 public:
  CWriter(const View& view LIFETIMEBOUND, const CNames& names LIFETIMEBOUND);

  // Appends a declaration, with its semicolon and an empty line.
  // Errors: limit (far more text than the BTF has bytes, a type of 100s of levels).
  [[nodiscard]] Status add(const CItem& item, std::string& out);

 private:
  struct Body {  // a struct whose closing brace is still to come
    Type type;
    CLayout layout;
    std::size_t next = 0;  // of layout.places
  };
  struct Task {  // text, or what is left of a prototype's parameters, or of the innermost struct
    enum class Op : u8 { text, params, declaration, body } op = Op::text;
    TypeId type = {};
    std::string text = {};
    u32 next = 0;  // parameter
  };
  Status run(std::string& out);
  Status check_size(const std::string& out) const;
  Status step(std::string& out);
  Status declare(TypeId id, std::string_view name, std::string& out);
  Status leaf(const Type& type, std::string_view qualifiers, std::string_view declarator,
              std::string& out);
  void push_text(std::string text);
  void push_declaration(TypeId id, std::string name);
  Status next_param(std::string& out);
  Status open_body(const Type& type, std::string_view tag, std::string& out);
  void close_body(std::string& out);
  void next_member(std::string& out, Status& status);
  void padding(const CPlace& place, std::string& out);
  void write_enum(const Type& type, std::string_view tag, std::string& out) const;
  std::string param_name(const Param& param) const;
  void indent(std::string& out, std::size_t extra = 0) const;

  const View* view_;
  const CNames* names_;
  CLayouts layouts_;
  std::size_t max_text_;       // of `out`
  bool signs_unknown_ = true;  // no enum of this BTF says that it is signed: it is from before that
  u32 prototypes_ = 0;         // whose parameters are being written
  u32 paddings_ = 0;           // with a name, in this item
  std::vector<Task> tasks_;    // what is still to be written, last first
  std::vector<Body> bodies_;   // structs that are open
};

}  // namespace bpfld::btf
