import CCUDA
import EmberRuntime
import Synchronization

extension CUDABackend {
  public func pointwise(
    _ program: PointwiseProgram, pointers: UnsafePointer<UnsafeMutableRawPointer?>, uniform: UnsafePointer<UInt8>, count: Int
  ) {
    if count == 0 { return }
    let compiled = compiled(program)
    let tensors = compiled.tensorInputs
    var uniformMask: UInt32 = 0
    for i in 0..<tensors where uniform[i] != 0 { uniformMask |= 1 << UInt32(i) }
    var width = compiled.width
    var address = UInt(0)
    for i in 0..<tensors where uniform[i] == 0 { address |= UInt(bitPattern: pointers[i]) }
    for i in 0..<program.outputs.count { address |= UInt(bitPattern: pointers[program.inputs.count + i]) }
    // Views may begin anywhere.
    if address & 15 != 0 || count < width { width = 1 }
    guard let function = compiled.function(width == 1 ? .flat : .flatWide, self, program) else { return }
    let perBlock = 256 * width * (width == 1 ? 1 : CompiledPointwise.unrolled)
    launch(function, "pointwise", grid: (UInt32(quotientRoundedUp(count, perBlock)), 1, 1), threads: 256) { arguments in
      arguments.add(Int64(count))
      arguments.add(uniformMask)
      addOperands(program, pointers, to: &arguments)
    }
  }

  public func pointwise(
    _ program: PointwiseProgram, pointers: UnsafePointer<UnsafeMutableRawPointer?>, strides: UnsafePointer<Strides>, shape: Shape
  ) {
    if shape.elementCount == 0 { return }
    let compiled = compiled(program)
    let tensors = compiled.tensorInputs
    let outputs = program.outputs.count
    let inputs = program.inputs.count
    let operands = (0..<tensors).map { $0 } + (0..<outputs).map { inputs + $0 }
    let sizes = program.inputs.prefix(tensors).map(\.dtype.size) + program.outputs.map(\.dtype.size)
    let space = StridedSpace(shape, operands.map { strides[$0] }, ordered: true)
    // Dense in one order, or constant.
    if space.shape.rank == 1, space.strides.allSatisfy({ $0[0] == 1 || $0[0] == 0 }), space.strides.suffix(outputs).allSatisfy({ $0[0] == 1 }) {
      withUnsafeTemporaryAllocation(of: UInt8.self, capacity: max(inputs, 1)) { uniform in
        for i in 0..<inputs { uniform[i] = i >= tensors || space.strides[i][0] == 0 ? 1 : 0 }
        pointwise(program, pointers: pointers, uniform: UnsafePointer(uniform.baseAddress!), count: space.shape.elementCount)
      }
      return
    }
    forEachPiece(of: space.shape) { piece, origin in
      var moved = (0..<(inputs + outputs)).map { pointers[$0] }
      for (k, i) in operands.enumerated() { moved[i] = pointers[i]?.element(at: origin, space.strides[k], size: sizes[k]) }
      strided(program, compiled, moved, piece, space.strides)
    }
  }

  private func strided(
    _ program: PointwiseProgram, _ compiled: CompiledPointwise, _ pointers: [UnsafeMutableRawPointer?], _ shape: Shape, _ steps: [Strides]
  ) {
    var shape = shape
    var steps = steps
    // Along the last dimension operands are dense or constant most often: then several elements move at once.
    var width = compiled.width
    var constant: UInt32 = 0
    let last = shape.rank - 1
    if last < 0 || shape[unchecked: last] % width != 0 { width = 1 }
    if width > 1 {
      for (i, step) in steps.enumerated() {
        let size = i < compiled.tensorInputs ? program.inputs[i].dtype.size : program.outputs[i - compiled.tensorInputs].dtype.size
        let pointer = i < compiled.tensorInputs ? pointers[i] : pointers[program.inputs.count + i - compiled.tensorInputs]
        if step[last] == 0, i < compiled.tensorInputs {
          constant |= 1 << UInt32(i)
          continue
        }
        let vector = width * size
        let aligned = UInt(bitPattern: pointer) % UInt(vector) == 0 && (0..<last).allSatisfy { step[$0] * size % vector == 0 }
        if step[last] != 1 || !aligned {
          width = 1
          break
        }
      }
    }
    if width > 1 {
      shape[unchecked: last] /= width
      for i in steps.indices where constant & 1 << UInt32(i) == 0 { steps[i][last] = width }
    }
    guard let function = compiled.function(width == 1 ? .strided : .stridedWide, self, program) else { return }
    let count = shape.elementCount
    launch(function, "pointwise", grid: (UInt32(quotientRoundedUp(count, 256)), 1, 1), threads: 256) { arguments in
      arguments.add(UInt32(count))
      arguments.add(width == 1 ? UInt32.max : constant)
      arguments.add(shape, steps)
      pointers.withUnsafeBufferPointer { addOperands(program, $0.baseAddress!, to: &arguments) }
    }
  }

  /// Tensors as addresses, parameters (numbers in host memory) as they are.
  private func addOperands(
    _ program: PointwiseProgram, _ pointers: UnsafePointer<UnsafeMutableRawPointer?>, to arguments: inout LaunchArguments
  ) {
    let inputs = program.inputs.count
    let tensors = inputs - program.parameterCount
    for i in 0..<tensors { arguments.add(pointers[i]) }
    for i in tensors..<inputs {
      let size = program.inputs[i].dtype.size
      arguments.add(bytes: pointers[i]!, count: size, alignment: size)
    }
    for i in 0..<program.outputs.count { arguments.add(pointers[inputs + i]) }
  }

  private func compiled(_ program: PointwiseProgram) -> CompiledPointwise {
    let pointer = program.artifact(for: .cuda) { Unmanaged.passRetained(CompiledPointwise(program)).toOpaque() }
    return Unmanaged<CompiledPointwise>.fromOpaque(pointer).takeUnretainedValue()
  }
}

/// What the GPU makes of a pointwise program: its source, and the kernels compiled from it so far on every device.
final class CompiledPointwise: Sendable {
  enum Form: Int { case flat, flatWide, strided, stridedWide }

  let tensorInputs: Int
  /// Elements that a thread moves at once: 16 bytes of the widest operand.
  let width: Int
  static let unrolled = 2
  private let functions = Mutex<[Int: UInt]>([:])

  init(_ program: PointwiseProgram) {
    tensorInputs = program.inputs.count - program.parameterCount
    let sizes = program.inputs.prefix(tensorInputs).map(\.dtype.size) + program.outputs.map(\.dtype.size)
    width = max(1, min(8, 16 / (sizes.max() ?? 16)))
  }

  func function(_ form: Form, _ backend: CUDABackend, _ program: PointwiseProgram) -> UnsafeMutableRawPointer? {
    let key = Int(backend.device.index) * 4 + form.rawValue
    if let known = functions.withLock({ $0[key] }) { return UnsafeMutableRawPointer(bitPattern: known) }
    let name =
      switch form {
      case .flat: "pointwise_flat<1, 1>"
      case .flatWide: "pointwise_flat<\(width), \(Self.unrolled)>"
      case .strided: "pointwise_strided<1>"
      case .stridedWide: "pointwise_strided<\(width)>"
      }
    guard let function = backend.compile(key: nil, source: { PointwiseSource(program).text }, name: name, sharedBytes: 0) else {
      return nil
    }
    functions.withLock { $0[key] = UInt(bitPattern: function) }
    return function
  }
}

/// Writes a program as CUDA C++.
struct PointwiseSource {
  let text: String

  init(_ program: PointwiseProgram) {
    let tensors = program.inputs.count - program.parameterCount
    let isSpecial = program.steps.contains { Self.isSpecial($0.opcode) }
    var lines = [KernelSource.text(of: ["prelude", "complex", "numeric"] + (isSpecial ? ["special"] : [])), "", "// \(program.name)"]

    // The program itself: inputs as elements, outputs as references.
    let operands =
      program.inputs.enumerated().map { "\($1.dtype.kernelName) e\($0)" }
      + program.outputs.enumerated().map { "\($1.dtype.kernelName) &y\($0)" }
    // Long functions are compiled once, not once for each of the elements that a thread moves: that took seconds.
    let heavy: Set<Opcode> = [.polygamma, .digamma, .lgamma, .erfinv]
    let isLong = isSpecial || program.steps.contains { heavy.contains($0.opcode) }
    lines.append("\(isLong ? "__device__ __noinline__" : "DEVICE") void program(\(operands.joined(separator: ", "))) {")
    var slots: [String] = []
    for (i, input) in program.inputs.enumerated() {
      let type = input.type.dtype.kernelName
      lines.append("  const \(type) x\(i) = convert<\(type)>(load(e\(i)));")
      slots.append("x\(i)")
    }
    for constant in program.constants { slots.append(Self.literal(constant.value, constant.type)) }
    slots += Array(repeating: "0", count: program.registerCount)
    for (i, step) in program.steps.enumerated() {
      let result = step.resultType.dtype.kernelName
      let arguments = [step.a, step.b, step.c].prefix(step.opcode.operandCount).map { slots[Int($0)] }
      let value = step.opcode == .cast ? "convert<\(result)>(\(arguments[0]))" : "op_\(step.opcode)(\(arguments.joined(separator: ", ")))"
      lines.append("  const \(result) v\(i) = \(value);")
      slots[Int(step.result)] = "v\(i)"
    }
    for (i, output) in program.outputs.enumerated() {
      lines.append("  y\(i) = store<\(output.dtype.kernelName)>(\(slots[Int(output.slot)]));")
    }
    lines.append("}")

    let inputs = program.inputs.prefix(tensors).enumerated().map { "const \($1.dtype.kernelName) *in\($0)" }
    let parameters = program.inputs.dropFirst(tensors).enumerated().map { "\($1.dtype.kernelName) p\($0)" }
    let outputs = program.outputs.enumerated().map { "\($1.dtype.kernelName) *out\($0)" }
    let signature = (inputs + parameters + outputs).joined(separator: ", ")
    let parameterNames = program.inputs.dropFirst(tensors).indices.map { "p\($0 - tensors)" }

    func call(_ element: (Int) -> String, _ result: (Int) -> String) -> String {
      let all = (0..<tensors).map(element) + parameterNames + program.outputs.indices.map(result)
      return "program(\(all.joined(separator: ", ")));"
    }

    lines.append("template <int N, int U> __global__ void __launch_bounds__(256) pointwise_flat(i64 count, u32 uniform, \(signature)) {")
    lines.append("  const i64 first = ((i64)blockIdx.x * 256 * U + threadIdx.x) * N;")
    lines.append("  if ((i64)(blockIdx.x + 1) * 256 * U * N <= count) {")
    for (i, input) in program.inputs.prefix(tensors).enumerated() { lines.append("    Vector<\(input.dtype.kernelName), N> a\(i)[U];") }
    lines.append("#pragma unroll\n    for (int u = 0; u < U; u++) {\n      const i64 at = first + u * 256 * N;")
    for (i, input) in program.inputs.prefix(tensors).enumerated() {
      lines.append(
        "      if (uniform >> \(i) & 1) { const \(input.dtype.kernelName) one = in\(i)[0]; for (int k = 0; k < N; k++) a\(i)[u].at[k] = one; }"
      )
      lines.append("      else a\(i)[u] = *(const Vector<\(input.dtype.kernelName), N> *)(in\(i) + at);")
    }
    lines.append("    }\n#pragma unroll\n    for (int u = 0; u < U; u++) {\n      const i64 at = first + u * 256 * N;")
    for (i, output) in program.outputs.enumerated() { lines.append("      Vector<\(output.dtype.kernelName), N> b\(i);") }
    lines.append("#pragma unroll\n      for (int k = 0; k < N; k++) \(call({ "a\($0)[u].at[k]" }, { "b\($0).at[k]" }))")
    for (i, output) in program.outputs.enumerated() {
      lines.append("      *(Vector<\(output.dtype.kernelName), N> *)(out\(i) + at) = b\(i);")
    }
    lines.append(
      "    }\n  } else {\n    for (int u = 0; u < U; u++)\n      for (int k = 0; k < N; k++) {\n        const i64 at = first + u * 256 * N + k;"
    )
    lines.append("        if (at < count) { \(call({ "in\($0)[uniform >> \($0) & 1 ? 0 : at]" }, { "out\($0)[at]" })) }")
    lines.append("      }\n  }\n}")

    let count = tensors + program.outputs.count
    lines.append(
      "template <int N> __global__ void __launch_bounds__(256) pointwise_strided(u32 count, u32 constant, Layout<\(count)> layout, \(signature)) {"
    )
    lines.append("  const u32 index = blockIdx.x * 256 + threadIdx.x;\n  if (index >= count) return;")
    lines.append("  i64 at[\(count)];\n  layout.offsets(index, at);")
    lines.append("  if (N == 1) {\n    \(call({ "in\($0)[at[\($0)]]" }, { "out\($0)[at[\(tensors + $0)]]" }))\n    return;\n  }")
    for (i, input) in program.inputs.prefix(tensors).enumerated() {
      lines.append("  Vector<\(input.dtype.kernelName), N> a\(i);")
      lines.append(
        "  if (constant >> \(i) & 1) { const \(input.dtype.kernelName) one = in\(i)[at[\(i)]]; for (int k = 0; k < N; k++) a\(i).at[k] = one; }"
      )
      lines.append("  else a\(i) = *(const Vector<\(input.dtype.kernelName), N> *)(in\(i) + at[\(i)]);")
    }
    for (i, output) in program.outputs.enumerated() { lines.append("  Vector<\(output.dtype.kernelName), N> b\(i);") }
    lines.append("#pragma unroll\n  for (int k = 0; k < N; k++) \(call({ "a\($0).at[k]" }, { "b\($0).at[k]" }))")
    for (i, output) in program.outputs.enumerated() {
      lines.append("  *(Vector<\(output.dtype.kernelName), N> *)(out\(i) + at[\(tensors + i)]) = b\(i);")
    }
    lines.append("}")
    text = lines.joined(separator: "\n")
  }

  private static func isSpecial(_ opcode: Opcode) -> Bool {
    let unary = Opcode.besselJ0.rawValue...Opcode.ndtri.rawValue
    let binary = Opcode.zeta.rawValue...Opcode.legendreP.rawValue
    return unary.contains(opcode.rawValue) || binary.contains(opcode.rawValue)
  }

  /// A constant, bit for bit.
  private static func literal(_ value: Scalar, _ type: ComputeType) -> String {
    withUnsafeTemporaryAllocation(byteCount: 16, alignment: 16) { buffer in
      value.store(as: type, to: buffer.baseAddress!)
      func single(_ offset: Int) -> String { "__int_as_float(\(buffer.loadUnaligned(fromByteOffset: offset, as: Int32.self)))" }
      func twofold(_ offset: Int) -> String {
        let bits = buffer.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
        return "__longlong_as_double((i64)\(bits)ULL)"
      }
      switch type {
      case .bool: return buffer.load(as: UInt8.self) != 0 ? "true" : "false"
      case .uint8: return "(u8)\(buffer.load(as: UInt8.self))"
      case .int8: return "(i8)(\(buffer.load(as: Int8.self)))"
      case .int16: return "(i16)(\(buffer.load(as: Int16.self)))"
      case .int32: return "(i32)(\(Int64(buffer.load(as: Int32.self)))LL)"
      case .int64: return "(i64)\(UInt64(bitPattern: buffer.load(as: Int64.self)))ULL"
      case .float32: return single(0)
      case .float64: return twofold(0)
      case .complex64: return "c64{\(single(0)), \(single(4))}"
      case .complex128: return "c128{\(twofold(0)), \(twofold(8))}"
      }
    }
  }
}
