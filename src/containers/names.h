// What a container is called, by whoever made it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "containers/oci_spec.h"
#include "host/root.h"
#include "model/container.h"

namespace gpuward::containers {

// Runtime, pod, name and image by the annotations of CRI runtimes, nerdctl and
// Podman, as far as they are there.
void name_by_spec(const OciSpec& spec, Container& container);

// Podman's list of names lies beside the bundles; read once for each place.
class PodmanNames {
 public:
  explicit PodmanNames(const host::Root& root) : root_(root) {}
  // `spec_file` is …/overlay-containers/ID/userdata/config.json.
  void name(const std::string& spec_file, Container& container);

 private:
  struct Named {
    std::string name, image;
  };
  using Names = std::map<std::string, Named>;
  Names read(const std::string& folder) const;

  const host::Root& root_;  // the caller's
  std::map<std::string, Names> by_folder_;
};

std::string short_id(const std::string& id);
// Gives every container a label of its own and sorts by it.
void label_all(std::vector<Container>& containers);

}  // namespace gpuward::containers
