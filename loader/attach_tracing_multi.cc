// SPDX-License-Identifier: Apache-2.0
// fentry.multi, fexit.multi, fsession.multi: one program, one link, any number of kernel functions.
// Each is named by its id in the BTF of the kernel or of one module; the program itself is bound to
// no function when it is loaded, only to a module, by the fd of that BTF.
//
// Source: include/uapi/linux/bpf.h: bpf_attr.link_create.tracing_multi (since v7.2).
#include "base/escape.h"
#include "base/glob.h"
#include "loader/attach_parts.h"

namespace bpfld::loader {

void tracing_multi_needs(const AttachSite& site, Needs& out) {
  add_once(out.traced_globs, site.target.place);
  const std::string glob(traced_place(site.target.place).glob);
  if (is_glob(glob)) add_once(out.function_globs, glob);
}

std::optional<Error> tracing_multi_problem(const AttachSite& site, const KernelProfile& profile) {
  const std::string shown = escape_terminal(site.target.place);
  const std::string_view module = traced_place(site.target.place).module;
  for (const AttachTarget& other : site.program.places)
    if (traced_place(other.place).module != module)
      return fail(Code::unsupported,
                  "{}: the program is loaded for {}, and {} is not there: one program is about the "
                  "kernel itself or about one module",
                  shown, module.empty() ? "the kernel itself" : escape_terminal(module),
                  escape_terminal(other.place))
          .error();
  const auto found = profile.traced.find(site.target.place);
  if (found == profile.traced.end())
    return fail(Code::internal, "{} was not looked up", shown).error();
  const TracedFact& fact = found->second;
  if (!fact.problem.empty()) return missing_fact(fact.problem, fact.errno_value);
  if (!fact.types.empty()) return std::nullopt;
  if (fact.unfit != 0)
    return fail(
               Code::not_found,
               "no function that matches \"{}\" can be traced: {} take or return what a trampoline "
               "cannot pass on",
               shown, fact.unfit)
        .error();
  return fail(Code::not_found, "no kernel function that can be traced matches \"{}\"", shown)
      .error();
}

void attach_tracing_multi(Attachment& attachment) {
  const TracedFact& fact = attachment.profile.traced.at(attachment.target.place);
  bpf::LinkTracingMulti create;
  create.program = attachment.program_fd;
  create.attach_type = attachment.program.row->attach_type;
  create.ids = fact.types;
  attachment.out.how = create.ids.size() == 1
                           ? "tracing.multi link"
                           : format("tracing.multi link, {} functions", create.ids.size());
  if (fact.unfit != 0) attachment.out.how += format(" ({} left out)", fact.unfit);
  attachment.add(std::move(create), attachment.new_slot());
}

}  // namespace bpfld::loader
