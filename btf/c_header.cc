// SPDX-License-Identifier: Apache-2.0
// See c_header.h. Functions for BPF programs come last, so that one #ifndef takes all of them out.
#include "btf/c_header.h"

#include <algorithm>
#include <string_view>

#include "btf/c_decl.h"
#include "btf/c_names.h"
#include "btf/c_order.h"

namespace bpfld::btf {
namespace {

constexpr std::string_view kStart =
    "#ifndef __VMLINUX_H__\n"
    "#define __VMLINUX_H__\n"
    "\n"
    "#if defined(__clang__) && !defined(BPF_NO_PRESERVE_ACCESS_INDEX)\n"
    "#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)\n"
    "#endif\n"
    "\n";
constexpr std::string_view kFunctions = "#ifndef BPF_NO_KFUNC_PROTOTYPES\n\n";
constexpr std::string_view kEnd =
    "#if defined(__clang__) && !defined(BPF_NO_PRESERVE_ACCESS_INDEX)\n"
    "#pragma clang attribute pop\n"
    "#endif\n"
    "\n"
    "#endif /* __VMLINUX_H__ */\n";

}  // namespace

Result<std::string> c_header(const View& view, const CHeaderOptions& options) {
  const CNames names = TRY(CNames::assign(view));
  const std::vector<CItem> items = TRY(order_declarations(
      view, names, options.roots ? *options.roots : all_declarations(view, names)));
  CWriter writer(view, names);
  std::string out(kStart);
  bool functions = false;
  for (const bool pass : {false, true}) {
    for (const CItem& item : items) {
      const bool is_function = view.kind(item.type) == Kind::func;
      if (is_function != pass) continue;
      if (is_function && !functions) out += kFunctions;
      functions = functions || is_function;
      TRY(writer.add(item, out));
    }
  }
  if (functions) out += "#endif /* BPF_NO_KFUNC_PROTOTYPES */\n\n";
  out += kEnd;
  return out;
}

}  // namespace bpfld::btf
