// SPDX-License-Identifier: Apache-2.0
// placeholder
#include "cli/feature.h"
namespace bpfld::cli {
int feature_for(const Invocation&, FeatureContext&, bool) {
  return 0;
}
}  // namespace bpfld::cli
