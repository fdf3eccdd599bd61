// How the arguments of each matcher kind are read from YAML. See judge.h.
#pragma once

#include "diagnosis/judge.h"

namespace gpuward::diagnosis {

void read_names(const Yaml& node, Condition& out,
                std::vector<std::string>& signatures, Complaints& complaints);
void read_seen(const Yaml& node, Condition& out,
               std::vector<std::string>& signatures, Complaints& complaints);
void read_order(const Yaml& node, Condition& out,
                std::vector<std::string>& signatures, Complaints& complaints);
void read_unanswered(const Yaml& node, Condition& out,
                     std::vector<std::string>& signatures,
                     Complaints& complaints);
void read_on_many(const Yaml& node, Condition& out,
                  std::vector<std::string>& signatures, Complaints& complaints);
void read_several(const Yaml& node, Condition& out,
                  std::vector<std::string>& signatures, Complaints& complaints);
void read_other_than(const Yaml& node, Condition& out,
                     std::vector<std::string>& signatures,
                     Complaints& complaints);
void read_source(const Yaml& node, Condition& out,
                 std::vector<std::string>& signatures, Complaints& complaints);
void read_fact(const Yaml& node, Condition& out,
               std::vector<std::string>& signatures, Complaints& complaints);
void read_pair(const Yaml& node, Condition& out,
               std::vector<std::string>& signatures, Complaints& complaints);
void read_less(const Yaml& node, Condition& out,
               std::vector<std::string>& signatures, Complaints& complaints);
void read_driver(const Yaml& node, Condition& out,
                 std::vector<std::string>& signatures, Complaints& complaints);

}  // namespace gpuward::diagnosis
