import EmberFormats
import EmberFunctional
import EmberRuntime
import EmberSparse
import EmberTensor

/// Why a case cannot be read or did not come out as expected.
public struct CaseFailure: Error, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
}

/// Reads tagged values, and notes the tensors that gradients are asked for, depth first.
struct ValueReader {
  let payload: Payload
  var variables: [Tensor] = []

  init(payload: Payload) { self.payload = payload }

  mutating func value(_ json: JSON) throws -> OperatorValue {
    guard let tag = json["t"]?.text else { throw CaseFailure("a value has no tag") }
    let content = json["v"]
    switch tag {
    case "none": return .none
    case "ellipsis": return .ellipsis
    case "bool": return .bool(try required(content?.flag, tag))
    case "int": return .integer(try required(content?.integer, tag))
    case "str": return .string(try required(content?.text, tag))
    case "float": return .real(try required(content?.real, tag))
    case "complex":
      let parts = try required(content?.items, tag)
      guard parts.count == 2, let real = parts[0].real, let imaginary = parts[1].real else {
        throw CaseFailure("a malformed complex number")
      }
      return .complex(real, imaginary)
    case "dtype": return .dtype(try Self.dtype(required(content?.text, tag)))
    case "memory_format": return .memoryFormat(try required(content?.text, tag))
    case "layout": return .layout(try required(content?.text, tag))
    case "device": return .device(try Self.device(required(content?.text, tag)))
    case "list", "tuple":
      var items: [OperatorValue] = []
      for item in try required(content?.items, tag) { items.append(try value(item)) }
      return .list(items)
    case "slice":
      let parts = try required(content?.items, tag).map { $0["v"]?.integer }
      guard parts.count == 3 else { throw CaseFailure("a malformed slice") }
      return .slice(start: parts[0], end: parts[1], step: parts[2])
    case "tensor":
      if let layout = json["layout"]?.text, layout != "strided" { return .opaque(try sparse(json, layout: layout)) }
      var tensor = try tensor(json)
      if json["grad"]?.flag == true {
        tensor = tensor.requiringGrad()
        variables.append(tensor)
      }
      return .tensor(tensor)
    case "module", "function": return try function(json)
    default: throw CaseFailure("a value of kind \(tag), which no operator takes yet")
    }
  }

  private func required<Value>(_ value: Value?, _ tag: String) throws -> Value {
    guard let value else { throw CaseFailure("a malformed value of kind \(tag)") }
    return value
  }

  /// A dense tensor in the layout that the case describes.
  func tensor(_ json: JSON) throws -> Tensor {
    guard let name = json["dtype"]?.text, let extents = json["shape"]?.items?.compactMap(\.integer) else {
      throw CaseFailure("a tensor lacks dtype or shape")
    }
    let dtype = try Self.dtype(name)
    if extents.count > maximumRank {
      throw EmberError(.shape, in: "tensor", "\(extents.count) dimensions; there may be at most \(maximumRank)")
    }
    guard extents.count == json["shape"]?.items?.count, let count = byteCount(extents, dtype) else {
      throw CaseFailure("\(extents) is no shape")
    }
    let offset = count == 0 ? 0 : json["off"]?.integer ?? 0
    guard offset >= 0, offset <= payload.bytes.count, count <= payload.bytes.count - offset else {
      throw CaseFailure("a tensor lies outside of the payload")
    }
    if dtype == .bool, payload.bytes[offset..<offset + count].contains(where: { $0 > 1 }) { throw CaseFailure("a bool is neither 0 nor 1") }
    guard let strides = json["strides"]?.items?.compactMap(\.integer), let length = json["storage_numel"]?.integer else {
      return try catchingErrors {
        payload.bytes.withUnsafeBytes {
          Tensor(bytes: UnsafeRawBufferPointer(rebasing: $0[offset..<offset + count]), shape: extents, dtype: dtype)
        }
      }
    }
    let start = json["storage_offset"]?.integer ?? 0
    // Positions in a storage of at most as many elements as can be allocated: neither sums nor products overflow below.
    let largest = 1 << 28
    guard strides.count == extents.count, (0...largest).contains(length), (0...largest).contains(start),
      strides.allSatisfy({ (-largest...largest).contains($0) }), extents.allSatisfy({ $0 <= largest })
    else { throw CaseFailure("strides that fit no storage") }
    var buffer = [UInt8](repeating: 0, count: length * dtype.size)
    var position = [Int](repeating: 0, count: extents.count)
    for element in 0..<count / dtype.size {
      let target = start + zip(position, strides).reduce(0) { $0 + $1.0 * $1.1 }
      guard target >= 0, target < length else { throw CaseFailure("a strided tensor lies outside of its storage") }
      for byte in 0..<dtype.size { buffer[target * dtype.size + byte] = payload.bytes[offset + element * dtype.size + byte] }
      for d in extents.indices.reversed() {
        position[d] += 1
        if position[d] < extents[d] { break }
        position[d] = 0
      }
    }
    if count == 0 { return Tensor.empty(extents, dtype: dtype) }
    let storage = buffer.withUnsafeBytes { Tensor(bytes: $0, shape: [length], dtype: dtype) }
    return storage.view(Shape(extents), Strides(strides), offset: start)
  }

  /// A tensor in a sparse layout.
  func sparse(_ json: JSON, layout name: String) throws -> SparseTensor {
    guard let layout = SparseTensor.Layout(rawValue: name), let extents = json["shape"]?.items?.compactMap(\.integer) else {
      throw CaseFailure("a sparse tensor of layout \(name)")
    }
    func part(_ key: String) throws -> Tensor {
      guard let part = json[key] else { throw CaseFailure("a tensor of layout \(name) lacks \(key)") }
      return try tensor(part)
    }
    let values = try part("values")
    return try catchingErrors {
      switch layout {
      case .coordinates:
        try SparseTensor(indices: part("indices"), values: values, shape: extents, isCoalesced: json["coalesced"]?.flag ?? false)
      case .rows, .rowBlocks:
        try SparseTensor(layout, compressed: part("crow_indices"), indices: part("col_indices"), values: values, shape: extents)
      case .columns, .columnBlocks:
        try SparseTensor(layout, compressed: part("ccol_indices"), indices: part("row_indices"), values: values, shape: extents)
      }
    }
  }

  /// A function of tensors: an operator by name, or a module without state that stands for one.
  private mutating func function(_ json: JSON) throws -> OperatorValue {
    let module = json["class"]?.text
    let name = module ?? json["v"]?.text ?? ""
    var settings: [String: OperatorValue] = [:]
    for argument in json["ctor"]?.items ?? [] { settings[argument["n"]?.text ?? ""] = try value(argument) }
    func number(_ key: String, _ usual: Double) -> Double {
      switch settings[key] {
      case .integer(let number)?: Double(number)
      case .real(let number)?: number
      default: usual
      }
    }
    switch name {
    case "torch.nn.PairwiseDistance", "torch.pairwise_distance", "torch.nn.functional.pairwise_distance":
      let (p, eps) = (number("p", 2), number("eps", 1e-6))
      let keepDim = if case .bool(true)? = settings["keepdim"] { true } else { false }
      return .function { $0[0].pairwiseDistance($0[1], p: p, eps: eps, keepDim: keepDim) }
    case "torch.nn.CosineSimilarity", "torch.cosine_similarity", "torch.nn.functional.cosine_similarity":
      let dim = if case .integer(let dim)? = settings["dim"] { dim } else { 1 }
      let eps = number("eps", 1e-8)
      return .function { $0[0].cosineSimilarity($0[1], dim: dim, eps: eps) }
    default: throw CaseFailure("a \(name) as an argument is not implemented")
    }
  }

  static func dtype(_ name: String) throws -> DType {
    guard let dtype = DType.allCases.first(where: { $0.name == name }) else { throw CaseFailure("dtype \(name) is not implemented") }
    return dtype
  }

  static func device(_ name: String) throws -> Device {
    switch name {
    case "cpu": return .cpu
    case "meta": return .meta
    default: throw CaseFailure("there is no device \(name)")
    }
  }
}
