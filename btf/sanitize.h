// SPDX-License-Identifier: Apache-2.0
// A kernel refuses BTF with a kind that it does not know, all of it, and with the BTF go map types,
// line info and everything that needs them. So for an older kernel the object's BTF is written
// again with each such kind replaced by one that it knows. Ids stay, so everything that refers to
// types stays valid; so does every size, so structs and map values stay what they are. What is lost
// is meaning: names of enum values, which function is global.
//
//   VAR, DECL_TAG  INT of one byte             FLOAT     empty STRUCT of the same size
//   DATASEC        STRUCT of such INTs         TYPE_TAG  CONST
//   FUNC_PROTO     ENUM without values         ENUM64    INT of the same size
//   FUNC           TYPEDEF of its prototype
//
// Some things no kernel takes, and compilers write them: an ENUM of no size gets four bytes, a
// DATASEC of no size becomes an empty STRUCT, a kind that nobody knows an INT of one byte.
//
// CO-RE relocations and the kinds in Documentation/bpf/btf.rst are to be read from the original.
#pragma once

#include <vector>

#include "btf/view.h"

namespace bpfld::btf {

// spec: what a kernel accepts. The default is a kernel that accepts all that any does.
struct KindSupport {
  bool func = true;                 // FUNC and FUNC_PROTO, since v5.0
  bool func_global = true;          // FUNC linkage other than static, since v5.6
  bool datasec = true;              // VAR and DATASEC, since v5.2
  bool float_ = true;               // since v5.13
  bool decl_tag = true;             // since v5.16
  bool type_tag = true;             // since v5.17
  bool enum64 = true;               // and the kind flag of ENUM (signed values), since v6.0
  bool tag_flag = true;             // the kind flag of DECL_TAG and TYPE_TAG, since v6.15
  bool question_in_section = true;  // DATASEC names such as "?.struct_ops", since v6.9
  bool operator==(const KindSupport&) const = default;
};

// Whether sanitize() would change any type.
bool needs_sanitizing(const View& view, const KindSupport& support);

// The view's own types as a blob for such a kernel, in the host's byte order, without a layout
// section. The same ids, the same base. `view` is valid (View::validate()); then so is the result.
std::vector<std::byte> sanitize(const View& view, const KindSupport& support);
// The same for the bytes of BTF that has no base. Errors: those of View::parse().
[[nodiscard]] Result<std::vector<std::byte>> sanitize(Bytes blob, const KindSupport& support);

}  // namespace bpfld::btf
