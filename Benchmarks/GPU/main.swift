// Ember's side of `scripts/bench-gpu`: runs the named workloads on a GPU and prints a line of JSON for each.
//
//   GPUBenchmark [--tiny] [--device cpu] NAME …
import EmberCUDA
import EmberNN
import EmberOptim
import EmberRuntime
import EmberTensor
import EmberText
import EmberVision

let arguments = CommandLine.arguments.dropFirst()
let isTiny = arguments.contains("--tiny")
let device: Device = arguments.contains("cpu") ? .cpu : .cuda
let names = arguments.filter { !$0.hasPrefix("--") && $0 != "cpu" }

for name in names {
  guard let workload = GPUWorkload.all[name] else {
    print("{\"name\": \"\(name)\", \"error\": \"there is no such workload\"}")
    continue
  }
  do {
    let result = try catchingErrors { try workload(GPUWorkload(device: device, isTiny: isTiny)) }
    print(result.json(name))
  } catch {
    print("{\"name\": \"\(name)\", \"error\": \"\(String(describing: error).filter { $0 != "\"" && $0 != "\n" })\"}")
  }
}
let onHost = CUDA.operationsOnHost.map { "\($0.name) \($0.count)" }.joined(separator: ", ")
if !onHost.isEmpty { print("{\"name\": \"operations on the CPU\", \"note\": \"\(onHost)\"}") }
