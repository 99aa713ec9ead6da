// SPDX-License-Identifier: Apache-2.0
// The kernel's own list of its functions: which exist (/proc/kallsyms) and which can be traced at
// their entry (available_filter_functions). Two large files, read only for a pattern or to explain
// why a probe was refused. Shell: reading; the rest is pure.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "loader/probe_facts.h"

namespace bpfld::loader {

// spec: the two texts.
class KernelFunctions {
 public:
  KernelFunctions(std::string symbols, std::string traceable)
      : symbols_(std::move(symbols)), traceable_(std::move(traceable)) {}
  // Errors: those of reading; not_found when tracefs has no such list.
  [[nodiscard]] static Result<KernelFunctions> read();

  // The functions that a pattern means: those that can be traced and whose name is one function's
  // alone (a link to many is refused as a whole when one name is not).
  FunctionsFact matching(std::string_view glob) const;

 private:
  std::string symbols_, traceable_;
};

// spec: a function's line in /proc/kallsyms.
struct NamedFunction {
  u64 address = 0;  // 0: the kernel does not tell
  std::string name, module;
  bool operator==(const NamedFunction&) const = default;
};
std::vector<NamedFunction> functions_named(std::string_view kallsyms, std::string_view name);
// Names like it, best first.
std::vector<std::string> functions_like(std::string_view kallsyms, std::string_view name);

// Says in `error.detail`, and where it helps in `what`, why the kernel refused a probe at
// `function`: it does not exist (names like it), or several have that name (their addresses).
void explain_probe_refusal(std::string_view function, Error& error);

}  // namespace bpfld::loader
