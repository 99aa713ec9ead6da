// SPDX-License-Identifier: Apache-2.0
// fentry.multi, fexit.multi, fsession.multi: one program, one link, any number of kernel functions.
// Each is named by its id in the kernel's BTF; the program itself is bound to none when it is
// loaded.
//
// Source: include/uapi/linux/bpf.h: bpf_attr.link_create.tracing_multi (since v7.2).
#include "base/escape.h"
#include "base/glob.h"
#include "loader/attach_parts.h"

namespace bpfld::loader {

void tracing_multi_needs(const AttachSite& site, Needs& out) {
  add_once(out.traced_globs, site.target.place);
  if (is_glob(site.target.place)) add_once(out.function_globs, site.target.place);
}

std::optional<Error> tracing_multi_problem(const AttachSite& site, const KernelProfile& profile) {
  const std::string shown = escape_terminal(site.target.place);
  if (site.target.place.find(':') != std::string::npos)
    return fail(Code::unsupported,
                "{}: SEC(\"{}\") programs are attached to functions of the kernel itself, not of a "
                "module",
                shown, site.program.row->name)
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
