// SPDX-License-Identifier: Apache-2.0
// One line of `bpfld feature`: a probe that ran, or a fact and the file it was read from.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cli/facts.h"
#include "cli/stream.h"
#include "cli/style.h"
#include "loader/features.h"
#include "loader/probes.h"

namespace bpfld::cli {

// spec: the line. `answer` is "yes", "no", "denied", "unknown", or a fact's value.
struct FeatureLine {
  std::string kind;          // "program"
  std::string name;          // "tracing/fentry"
  std::string answer;        // see above
  std::string since;         // "5.5"; empty: not known
  std::string note;          // why, and what it means
  std::string helpers = {};  // of `feature helper`: their names, separated by spaces
};

// spec: what else decides whether a program of some type is of use here. Each is empty when nothing
// is in the way.
struct AttachFacts {
  std::string kprobe, tracepoint, cgroup, lsm, lirc;
  std::string denied;  // what a refusal as such means here
};
AttachFacts read_attach_facts();
// As a profile keeps them, by name, and back.
std::map<std::string, std::string> to_obstacles(const AttachFacts& facts);
AttachFacts from_obstacles(const std::map<std::string, std::string>& obstacles);
// From the capabilities that this process has now.
std::string denied_note(const Facts& facts);

// What stands in the way of attaching a program that loads; empty: nothing that is known.
std::string attach_note(bpf::ProgType type, bpf::AttachType attach, const AttachFacts& facts);

FeatureLine to_line(const loader::Probe& probe, const loader::ProbeResult& result,
                    const AttachFacts& facts);
FeatureLine to_line(const loader::FeatureRow& row, loader::Answer answer);

// Aligned columns under a heading, or one JSON object per line.
void print_features(Streams& streams, const Style& style, std::string_view heading,
                    const std::vector<FeatureLine>& lines);
void print_features_json(Streams& streams, const std::vector<FeatureLine>& lines);

}  // namespace bpfld::cli
