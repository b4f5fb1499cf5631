import EmberONNX
import EmberRuntime
import EmberTensor

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// A tensor as nested lists in JSON: `[[1, 2], [3, 4]]`.
struct JSONTensor: Codable {
  private(set) var shape: [Int] = []
  private(set) var elements: [Double] = []

  /// As deep as tensors have dimensions.
  private static let deepest = 8

  init(from decoder: any Decoder) throws {
    if let number = try? decoder.singleValueContainer().decode(Double.self) {
      elements = [number]
    } else {
      var list = try decoder.unkeyedContainer()
      try read(&list, depth: 0)
    }
  }

  private mutating func read(_ list: inout any UnkeyedDecodingContainer, depth: Int) throws {
    guard depth < Self.deepest else { throw refusal(list, "lists are nested more than \(Self.deepest) deep") }
    let count = list.count ?? 0
    if depth == shape.count, elements.isEmpty { shape.append(count) }
    guard depth < shape.count, shape[depth] == count else { throw refusal(list, "lists are of different lengths or depths") }
    while !list.isAtEnd {
      if depth + 1 == shape.count, let number = try? list.decode(Double.self) {
        elements.append(number)
      } else {
        var inner = try list.nestedUnkeyedContainer()
        try read(&inner, depth: depth + 1)
      }
    }
    if depth + 1 < shape.count, elements.isEmpty, count > 0, shape[(depth + 1)...].allSatisfy({ $0 != 0 }) {
      throw refusal(list, "lists are of different lengths or depths")
    }
  }

  private func refusal(_ list: any UnkeyedDecodingContainer, _ message: String) -> DecodingError {
    DecodingError.dataCorruptedError(in: list, debugDescription: message)
  }

  func encode(to encoder: any Encoder) throws {
    if shape.isEmpty {
      var container = encoder.singleValueContainer()
      try container.encode(JSONNumber(elements[0]))
    } else {
      var list = encoder.unkeyedContainer()
      try write(to: &list, shape[...], elements[...])
    }
  }

  private func write(to list: inout any UnkeyedEncodingContainer, _ shape: ArraySlice<Int>, _ elements: ArraySlice<Double>) throws {
    guard let extent = shape.first else { return }
    let rest = shape.dropFirst(), size = rest.reduce(1, *)
    for i in 0..<extent {
      let start = elements.startIndex + i * size
      if rest.isEmpty {
        try list.encode(JSONNumber(elements[start]))
      } else {
        var inner = list.nestedUnkeyedContainer()
        try write(to: &inner, rest, elements[start..<(start + size)])
      }
    }
  }

  init(_ tensor: Tensor) throws {
    shape = Array(tensor.shape)
    elements = try tensor.detach().elementsOrThrow(as: Double.self)
  }

  /// The tensor in the type that the model wants.
  func tensor(_ dtype: DType) throws -> Tensor {
    try catchingErrors { Tensor(elements, shape: shape, dtype: .float64).to(dtype) }
  }
}

/// JSON has no infinities: they, and NaN, are null.
private struct JSONNumber: Encodable {
  let value: Double
  init(_ value: Double) { self.value = value }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    if !value.isFinite {
      try container.encodeNil()
    } else if let integer = Int64(exactly: value) {
      try container.encode(integer)
    } else {
      try container.encode(value)
    }
  }
}
