import CEmber
import EmberRuntime
import EmberSparse
import EmberTensor

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Lists within lists are followed this far, so that one that contains itself is an error.
private let deepestList = 16

/// An argument that a C program tagged.
func operatorValue(_ value: ember_value, depth: Int = 0) throws(FaceError) -> OperatorValue {
  switch value.kind {
  case EMBER_VALUE_NONE: return .none
  case EMBER_VALUE_BOOL: return .bool(value.as.boolean)
  case EMBER_VALUE_INTEGER: return .integer(Int(value.as.integer))
  case EMBER_VALUE_REAL: return .real(value.as.real)
  case EMBER_VALUE_COMPLEX: return .complex(value.as.complex_number.real, value.as.complex_number.imaginary)
  case EMBER_VALUE_STRING: return .string(try text(value.as.string, "a string"))
  case EMBER_VALUE_SCALAR_TYPE: return .dtype(try dtype(value.as.scalar_type))
  case EMBER_VALUE_DEVICE: return .device(try device(value.as.device))
  case EMBER_VALUE_LAYOUT: return .layout(try text(value.as.string, "a layout"))
  case EMBER_VALUE_MEMORY_FORMAT: return .memoryFormat(try text(value.as.string, "a memory format"))
  case EMBER_VALUE_GENERATOR: return .generator(try generator(value.as.generator))
  case EMBER_VALUE_TENSOR: return .tensor(try tensor(value.as.tensor, "a tensor"))
  case EMBER_VALUE_SPARSE_TENSOR: return .opaque(try sparseTensor(value.as.sparse_tensor, "a sparse tensor"))
  case EMBER_VALUE_LIST:
    guard depth < deepestList else { throw FaceError(.value, "lists are nested more than \(deepestList) deep") }
    var items: [OperatorValue] = []
    for item in try list(value.as.list.items, value.as.list.count, "a list") { items.append(try operatorValue(item, depth: depth + 1)) }
    return .list(items)
  case EMBER_VALUE_INTEGERS:
    return .list(try list(value.as.integers.items, value.as.integers.count, "a list of integers").map { .integer(Int($0)) })
  case EMBER_VALUE_SLICE:
    let slice = value.as.slice
    func bound(_ position: Int64) -> Int? { position == .min ? nil : Int(position) }
    return .slice(start: bound(slice.start), end: bound(slice.end), step: bound(slice.step))
  case EMBER_VALUE_ELLIPSIS: return .ellipsis
  case EMBER_VALUE_FUNCTION: return .function(try tensorFunction(value.as.function.call, value.as.function.context))
  default: throw FaceError(.value, "\(value.kind.rawValue) is no ember_value_kind")
  }
}

/// A function of the C program's as one of ours. What goes wrong in it fails the operation that called it.
private func tensorFunction(
  _ function: ember_tensor_function?, _ context: UnsafeMutableRawPointer?
) throws(FaceError) -> @Sendable ([Tensor]) -> Tensor {
  let function = try required(function, "a function"), context = UInt(bitPattern: context)
  return { inputs in
    var handles: [OpaquePointer?] = []
    defer { for handle in handles { try? HandleTable.shared.release(handle, .tensor) } }
    do {
      for input in inputs { handles.append(try handle(of: input)) }
      guard let result = function(handles, handles.count, UnsafeMutableRawPointer(bitPattern: context)) else {
        throw FaceError(.other, "a function of the caller's failed")
      }
      let output = try tensor(result, "a function's result")
      try HandleTable.shared.release(result, .tensor)
      return output
    } catch {
      raise(EmberError(.value, in: "function", (error as? FaceError)?.message ?? "\(error)"))
      return Tensor.poison
    }
  }
}

/// A result for a C program, which owns what is in it.
func taggedValue(_ result: OperatorValue) throws(FaceError) -> ember_value {
  var value = ember_value()
  switch result {
  case .none: value.kind = EMBER_VALUE_NONE
  case .bool(let flag):
    value.kind = EMBER_VALUE_BOOL
    value.as.boolean = flag
  case .integer(let number):
    value.kind = EMBER_VALUE_INTEGER
    value.as.integer = Int64(number)
  case .real(let number):
    value.kind = EMBER_VALUE_REAL
    value.as.real = number
  case .complex(let real, let imaginary):
    value.kind = EMBER_VALUE_COMPLEX
    value.as.complex_number.real = real
    value.as.complex_number.imaginary = imaginary
  case .string(let text): value = taggedText(EMBER_VALUE_STRING, text)
  case .layout(let text): value = taggedText(EMBER_VALUE_LAYOUT, text)
  case .memoryFormat(let text): value = taggedText(EMBER_VALUE_MEMORY_FORMAT, text)
  case .dtype(let dtype):
    value.kind = EMBER_VALUE_SCALAR_TYPE
    value.as.scalar_type = ember_scalar_type(dtype)
  case .device(let device):
    value.kind = EMBER_VALUE_DEVICE
    value.as.device = ember_device(device)
  case .generator(let generator):
    value.kind = EMBER_VALUE_GENERATOR
    value.as.generator = try handle(of: generator)
  case .tensor(let tensor):
    value.kind = EMBER_VALUE_TENSOR
    value.as.tensor = try handle(of: tensor)
  case .opaque(let tensor as SparseTensor):
    value.kind = EMBER_VALUE_SPARSE_TENSOR
    value.as.sparse_tensor = try handle(of: tensor)
  case .list(let items):
    let values = try taggedValues(items)
    value.kind = EMBER_VALUE_LIST
    value.as.list.count = values.count
    guard !values.isEmpty else { break }
    let memory = malloc(values.count * MemoryLayout<ember_value>.stride)!.bindMemory(to: ember_value.self, capacity: values.count)
    memory.initialize(from: values, count: values.count)
    value.as.list.items = UnsafePointer(memory)
  case .slice(let start, let end, let step):
    value.kind = EMBER_VALUE_SLICE
    value.as.slice = .init(start: Int64(start ?? .min), end: Int64(end ?? .min), step: Int64(step ?? .min))
  case .ellipsis: value.kind = EMBER_VALUE_ELLIPSIS
  case .function, .opaque: throw FaceError(.unsupported, "a result is a \(result.kind), for which C has no value")
  }
  return value
}

/// All of them, or none.
func taggedValues(_ results: [OperatorValue]) throws(FaceError) -> [ember_value] {
  var values: [ember_value] = []
  for result in results {
    do throws(FaceError) { values.append(try taggedValue(result)) } catch {
      for i in values.indices { try release(&values[i], depth: 0) }
      throw error
    }
  }
  return values
}

private func taggedText(_ kind: ember_value_kind, _ text: String) -> ember_value {
  var value = ember_value()
  value.kind = kind
  value.as.string = UnsafePointer(copiedText(text))
  return value
}

/// Gives back what a result holds.
private func release(_ value: inout ember_value, depth: Int) throws(FaceError) {
  let held = value
  value = ember_value()
  switch held.kind {
  case EMBER_VALUE_STRING, EMBER_VALUE_LAYOUT, EMBER_VALUE_MEMORY_FORMAT: free(UnsafeMutablePointer(mutating: held.as.string))
  case EMBER_VALUE_GENERATOR: try HandleTable.shared.release(held.as.generator, .generator)
  case EMBER_VALUE_TENSOR: try HandleTable.shared.release(held.as.tensor, .tensor)
  case EMBER_VALUE_SPARSE_TENSOR: try HandleTable.shared.release(held.as.sparse_tensor, .sparseTensor)
  case EMBER_VALUE_LIST:
    guard depth < deepestList else { throw FaceError(.value, "lists are nested more than \(deepestList) deep") }
    let items = UnsafeMutableBufferPointer(
      mutating: try list(held.as.list.items, held.as.list.count, "a list"))
    var failure: FaceError?
    for i in items.indices { do throws(FaceError) { try release(&items[i], depth: depth + 1) } catch { failure = error } }
    free(items.baseAddress)
    if let failure { throw failure }
  default: break
  }
}

@implementation @c public func ember_value_release(_ value: UnsafeMutablePointer<ember_value>?) -> ember_status {
  call("ember_value_release") { try release(&required(value, "value").pointee, depth: 0) }
}
