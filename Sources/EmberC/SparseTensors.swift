import CEmber
import EmberRuntime
import EmberSparse
import EmberTensor

extension SparseTensor.Layout {
  fileprivate init(_ layout: ember_sparse_layout) throws(FaceError) {
    switch layout {
    case EMBER_SPARSE_COO: self = .coordinates
    case EMBER_SPARSE_CSR: self = .rows
    case EMBER_SPARSE_CSC: self = .columns
    case EMBER_SPARSE_BSR: self = .rowBlocks
    case EMBER_SPARSE_BSC: self = .columnBlocks
    default: throw FaceError(.value, "\(layout.rawValue) is no ember_sparse_layout")
    }
  }

  fileprivate var tag: ember_sparse_layout {
    switch self {
    case .coordinates: EMBER_SPARSE_COO
    case .rows: EMBER_SPARSE_CSR
    case .columns: EMBER_SPARSE_CSC
    case .rowBlocks: EMBER_SPARSE_BSR
    case .columnBlocks: EMBER_SPARSE_BSC
    }
  }
}

@implementation @c public func ember_sparse_tensor_from_coordinates(
  _ indices: OpaquePointer?, _ values: OpaquePointer?, _ sizes: UnsafePointer<Int64>?, _ rank: Int,
  _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> ember_status {
  tell("ember_sparse_tensor_from_coordinates", out) {
    let shape = try EmberC.sizes(sizes, rank), indices = try tensor(indices, "indices"), values = try tensor(values, "values")
    return try handle(of: catchingErrors { try SparseTensor(indices: indices, values: values, shape: shape) })
  }
}

@implementation @c public func ember_sparse_tensor_from_compressed(
  _ layout: ember_sparse_layout, _ compressed: OpaquePointer?, _ indices: OpaquePointer?, _ values: OpaquePointer?,
  _ sizes: UnsafePointer<Int64>?, _ rank: Int, _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> ember_status {
  tell("ember_sparse_tensor_from_compressed", out) {
    let layout = try SparseTensor.Layout(layout), shape = try EmberC.sizes(sizes, rank)
    guard layout != .coordinates else { throw FaceError(.value, "coordinates are made by ember_sparse_tensor_from_coordinates") }
    let compressed = try tensor(compressed, "compressed"), indices = try tensor(indices, "indices"), values = try tensor(values, "values")
    return try handle(
      of: catchingErrors { try SparseTensor(layout, compressed: compressed, indices: indices, values: values, shape: shape) })
  }
}

@implementation @c public func ember_sparse_tensor_retain(_ tensor: OpaquePointer?) -> ember_status {
  call("ember_sparse_tensor_retain") { try HandleTable.shared.retain(tensor, .sparseTensor) }
}

@implementation @c public func ember_sparse_tensor_release(_ tensor: OpaquePointer?) -> ember_status {
  call("ember_sparse_tensor_release") { if tensor != nil { try HandleTable.shared.release(tensor, .sparseTensor) } }
}

@implementation @c public func ember_sparse_tensor_layout(
  _ tensor: OpaquePointer?, _ out: UnsafeMutablePointer<ember_sparse_layout>?
) -> ember_status {
  tell("ember_sparse_tensor_layout", out) { try sparseTensor(tensor).layout.tag }
}

@implementation @c public func ember_sparse_tensor_rank(_ tensor: OpaquePointer?, _ out: UnsafeMutablePointer<Int>?) -> ember_status {
  tell("ember_sparse_tensor_rank", out) { try sparseTensor(tensor).rank }
}

@implementation @c public func ember_sparse_tensor_sizes(
  _ tensor: OpaquePointer?, _ sizes: UnsafeMutablePointer<Int64>?, _ capacity: Int
) -> ember_status {
  call("ember_sparse_tensor_sizes") { try write(sparseTensor(tensor).shape, to: sizes, capacity) }
}

@implementation @c public func ember_sparse_tensor_indices(
  _ tensor: OpaquePointer?, _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> ember_status {
  call("ember_sparse_tensor_indices", out) { try sparseTensor(tensor).indices }
}

@implementation @c public func ember_sparse_tensor_compressed_indices(
  _ tensor: OpaquePointer?, _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> ember_status {
  tell("ember_sparse_tensor_compressed_indices", out) { try sparseTensor(tensor).compressedIndices.map { try handle(of: $0) } }
}

@implementation @c public func ember_sparse_tensor_values(
  _ tensor: OpaquePointer?, _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> ember_status {
  call("ember_sparse_tensor_values", out) { try sparseTensor(tensor).values }
}

@implementation @c public func ember_sparse_tensor_to_layout(
  _ tensor: OpaquePointer?, _ layout: ember_sparse_layout, _ block_rows: Int64, _ block_columns: Int64,
  _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> ember_status {
  tell("ember_sparse_tensor_to_layout", out) {
    let tensor = try sparseTensor(tensor), layout = try SparseTensor.Layout(layout)
    let hasBlocks = layout == .rowBlocks || layout == .columnBlocks
    return try handle(
      of: catchingErrors {
        try tensor.converted(to: layout, blockSize: hasBlocks ? (rows: Int(block_rows), columns: Int(block_columns)) : nil)
      })
  }
}

@implementation @c public func ember_sparse_tensor_to_dense(
  _ tensor: OpaquePointer?, _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> ember_status {
  call("ember_sparse_tensor_to_dense", out) { try sparseTensor(tensor).dense() }
}
