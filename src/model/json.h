// The one place where model types become JSON and come back: the snapshot file,
// the sockets, the prober's frames and --json all use these.
//
// Times are ISO 8601 in UTC. A reading is {"value": …, "age_ms": n} or
// {"unsupported": true, …} or {"error": "…", "code": n, …} or {"unknown":
// "why"}, with a "note" where there is something to be said; ages count back
// from the `now` of the document that holds it, for a snapshot its taken_at.
// What is empty or has its default is mostly left out.
#pragma once

#include "base/json.h"
#include "model/plan.h"
#include "model/snapshot.h"

namespace gpuward {

Json to_json(const Value& value);
Value value_from_json(const Json& json);

Json to_json(const Reading& reading, Wall now);
Json to_json(const MigDevice& device);
Json to_json(const NvLink& link);
Json to_json(const Gpu& gpu, Wall now);
Json to_json(const Subject& subject);
Json to_json(const Evidence& evidence);
Json to_json(const Gap& gap);
Json to_json(const Finding& finding);
Json to_json(const Checks& checks);
Json to_json(const Probe& probe);
Json to_json(const StuckTask& task);
Json to_json(const XidEvent& xid);
Json to_json(const Snapshot& snapshot);
Json to_json(const Step& step);
Json to_json(const Refusal& refusal);
Json to_json(const Plan& plan);
Json to_json(const Outcome& outcome);

// Fail with Error::malformed, and the place, on what is not of the shape.
// Members that nobody knows are passed over: a newer gpuward may have written
// them.
Result<Reading> reading_from_json(const Json& json, Wall now);
Result<MigDevice> mig_from_json(const Json& json);
Result<NvLink> link_from_json(const Json& json);
Result<Gpu> gpu_from_json(const Json& json, Wall now);
Result<Evidence> evidence_from_json(const Json& json);
Result<Gap> gap_from_json(const Json& json);
Result<StuckTask> task_from_json(const Json& json);
Result<XidEvent> xid_from_json(const Json& json);
Result<Finding> finding_from_json(const Json& json);
Result<Snapshot> snapshot_from_json(const Json& json);
Result<Step> step_from_json(const Json& json);

}  // namespace gpuward
