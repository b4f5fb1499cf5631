import Ember
import EmberONNX
import Foundation

/// Models from ONNX files, compiled, beside onnxruntime: latency of one call.
let models: [Workload] = [
  Workload(
    name: "onnx-silero", title: "ONNX: Silero VAD, one frame of 32 ms", target: 1.2, tolerance: 1e-3, peer: .onnxruntime
  ) {
    manualSeed(0)
    let frame = Tensor.rand([1, 576]) * 0.2 - 0.1
    return try latency("silero_vad.onnx", [frame, Tensor.zeros([2, 1, 128]), Tensor(16000, dtype: .int64)])
  },
  Workload(
    name: "onnx-silero-batch", title: "ONNX: Silero VAD, frames of 3 sounds", target: 1.2, tolerance: 1e-3, peer: .onnxruntime
  ) {
    manualSeed(0)
    let frames = Tensor.rand([3, 576]) * 0.2 - 0.1
    return try latency("silero_vad.onnx", [frames, Tensor.zeros([2, 3, 128]), Tensor(16000, dtype: .int64)])
  },
  Workload(
    name: "onnx-detection", title: "ONNX: PP-OCRv4 detection, 320 × 480", target: 1.2, tolerance: 1e-3, peer: .onnxruntime
  ) {
    // Dark strokes on a light page: of noise the network's answer is nothing but rounding.
    let page: [Float] = (0..<320).flatMap { row in (0..<480).map { column in row / 20 % 2 == 0 && column / 6 % 3 == 0 ? -1.6 : 2 } }
    return try latency("ch_PP-OCRv4_det_infer.onnx", [Tensor(page, shape: [1, 1, 320, 480]).expand(1, 3, 320, 480).contiguous()])
  },
  Workload(
    name: "onnx-recognition", title: "ONNX: PP-OCRv4 recognition, 2 lines", target: 1.2, tolerance: 1e-3, peer: .onnxruntime
  ) {
    manualSeed(0)
    return try latency("ch_PP-OCRv4_rec_infer.onnx", [Tensor.rand([2, 3, 48, 320])])
  },
  Workload(
    name: "onnx-classification", title: "ONNX: PP-OCR orientation, 2 lines", target: 1.2, tolerance: 1e-3, peer: .onnxruntime
  ) {
    manualSeed(0)
    return try latency("ch_ppocr_mobile_v2.0_cls_infer.onnx", [Tensor.rand([2, 3, 48, 192])])
  },
  Workload(
    name: "onnx-magika", title: "ONNX: Magika, 4 files", target: 1.2, tolerance: 1e-3, peer: .onnxruntime
  ) {
    manualSeed(0)
    return try latency("model.onnx", [Tensor.randint(0, 257, [4, 2048]).to(.int32)])
  },
]

/// The folder of the models is in the environment: `scripts/onnx-models` fetches them.
private func latency(_ file: String, _ inputs: [Tensor]) throws -> Prepared {
  guard let folder = ProcessInfo.processInfo.environment["EMBER_ONNX_MODELS"] else { throw BenchmarkError("EMBER_ONNX_MODELS is not set") }
  let files = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
  guard let path = files.sorted().first(where: { $0.hasSuffix("/" + file) }) else { throw BenchmarkError("there is no \(file) in \(folder)") }
  let model = try ONNXModel("\(folder)/\(path)").compiled()
  let values = Dictionary(uniqueKeysWithValues: zip(model.model.inputs.map(\.name), inputs.map { ONNXValue.tensor($0) }))
  let first = model.model.outputs[0].name
  guard let result = try model.run(values)[first]?.tensor else { throw BenchmarkError("\(file) gives no tensor") }
  return Prepared(digest(result)) { _ = try model.run(values) }
}
