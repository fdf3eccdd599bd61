// How each matcher kind is judged; matchers.cpp has the table. See judge.h.
#pragma once

#include "diagnosis/judge.h"

namespace gpuward::diagnosis {

// What several kinds need.
Judged answer(Truth truth, std::string words);
Judged not_known(std::string what, bool gap, std::string words);
Judged fact_not_known(const Scene& scene, const std::string& key,
                      std::string words);

// Of lines.
Judged judge_seen(const Scene& scene, const Condition& condition);
Judged judge_not_seen(const Scene& scene, const Condition& condition);
Judged judge_starts_before(const Scene& scene, const Condition& condition);
Judged judge_starts_at_uptime(const Scene& scene, const Condition& condition);
Judged judge_unanswered(const Scene& scene, const Condition& condition);
Judged judge_on_many(const Scene& scene, const Condition& condition);
Judged judge_several(const Scene& scene, const Condition& condition);
Judged judge_other_than(const Scene& scene, const Condition& condition);

// Of facts.
Judged judge_fact(const Scene& scene, const Condition& condition);
Judged judge_own_fact(const Scene& scene, const Condition& condition);
Judged judge_differs(const Scene& scene, const Condition& condition);
Judged judge_driver(const Scene& scene, const Condition& condition);

}  // namespace gpuward::diagnosis
