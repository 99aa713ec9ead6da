// SPDX-License-Identifier: Apache-2.0
// Who answers the questions of `bpfld feature`: the running kernel, asked now, or the answers that
// another gave when it was saved.
#include <unistd.h>

#include "cli/feature.h"
#include "cli/saved_kernel.h"
#include "loader/places.h"

namespace bpfld::cli {

loader::ProbeResult FeatureContext::ask(const loader::Probe& probe) const {
  return kernel != nullptr ? loader::run_probe(probe, *kernel)
                           : loader::saved_answer(*saved, probe);
}

loader::ProbeResult FeatureContext::ask_helper(const loader::Probe& program, u32 helper) const {
  return kernel != nullptr ? loader::probe_helper(program, helper, *kernel)
                           : loader::saved_helper(*saved, program, helper);
}

loader::Answer FeatureContext::ask(loader::Feature feature) const {
  if (kernel != nullptr && feature == loader::Feature::tracing_link) {
    const loader::ProbeAnswer answer = ask(loader::tracing_create_probe(view())).answer;
    return answer == loader::ProbeAnswer::yes  ? loader::Answer::yes
           : answer == loader::ProbeAnswer::no ? loader::Answer::no
                                               : loader::Answer::unknown;
  }
  return kernel != nullptr ? loader::probe(feature, *kernel)
                           : saved->features[static_cast<std::size_t>(feature)];
}

FeatureContext running_context(bpf::Kernel& kernel) {
  FeatureContext context;
  context.kernel = &kernel;
  context.attach = read_attach_facts();
  context.facts = read_facts();
  Result<BtfSource> source = open_btf("kernel");
  if (source)
    context.btf = std::move(source).value();
  else
    context.btf_problem = source.error().message();
  context.page_size = static_cast<u32>(::sysconf(_SC_PAGESIZE));
  return context;
}

Result<FeatureContext> saved_context(const std::string& path) {
  FeatureContext context;
  context.saved = TRY(read_saved_profile(path));
  context.attach = from_obstacles(context.saved->obstacles);
  context.facts.kernel = context.saved->release;
  context.page_size = context.saved->page_size;
  if (context.saved->btf_file.empty())
    context.btf_problem = "the profile has no types";
  else
    context.btf = TRY(open_btf(beside(path, context.saved->btf_file)));
  return context;
}

std::vector<std::pair<u32, std::string>> known_helpers(const FeatureContext& context) {
  std::vector<std::pair<u32, std::string>> out;
  if (context.view() == nullptr) {
    for (u32 i = 1; !loader::helper_since(i).empty(); i++)
      out.emplace_back(i, format("helper#{}", i));
    return out;
  }
  const loader::NamedBtf named = {.module = {}, .view = context.view()};
  for (const loader::Place& place : loader::find_in_btf({&named, 1}, loader::PlaceKind::helper))
    out.emplace_back(static_cast<u32>(place.number), std::string(place.name));
  return out;
}

}  // namespace bpfld::cli
