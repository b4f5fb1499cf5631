import EmberFormats
public import EmberNN
import EmberRuntime
public import EmberTensor

/// `forward` from tensors to tensors: what `compile`, `capture` and `exportONNX` take.
///
/// ```swift
/// let fast = compile(model)
/// let results = fast([image])
/// try model.exportONNX(to: "model.onnx", inputs: [image], dynamicAxes: [[0: "batch"]])
/// ```
///
/// The code runs once for each set of shapes: what it decides by shapes, constants and modes is decided then, and its loops are unrolled.
/// Where it decides by the numbers in a tensor the error names the line. Attributes beside parameters and buffers are as they were after a call
/// that was captured; a call that leaves a result of the graph in one (the state of a recurrent model) is an error that names it.
extension TorchScriptModule: Layer {
  /// The tensors of what `forward` returns, in the order of `TorchScriptValue.tensors`. Errors are raised as those of other operations.
  public func forward(_ inputs: [Tensor]) -> [Tensor] {
    do {
      return try call("forward", inputs.map { .tensor($0) }).tensors.map(\.tensor)
    } catch {
      raise(error as? EmberError ?? EmberError(.value, in: "TorchScript", "\(error)"))
      return [.poison]
    }
  }
}

extension TorchScriptValue {
  /// All tensors in it, in order, each with the way that leads to it: positions in lists and tuples, keys of dictionaries, joined by underscores.
  /// A single tensor has an empty name.
  public var tensors: [(name: String, tensor: Tensor)] {
    func below(_ name: String, _ value: TorchScriptValue) -> [(name: String, tensor: Tensor)] {
      value.tensors.map { ($0.name.isEmpty ? name : "\(name)_\($0.name)", $0.tensor) }
    }
    switch self {
    case .tensor(let tensor): return [("", tensor)]
    case .list(let items), .tuple(let items): return items.enumerated().flatMap { below(String($0.offset), $0.element) }
    case .dictionary(let pairs): return pairs.flatMap { below($0.key.string ?? $0.key.description, $0.value) }
    default: return []
    }
  }

  /// The same value with other tensors in the places of `tensors`, in their order; each is taken from the front of `rest`.
  public func replacingTensors(from rest: inout ArraySlice<Tensor>) -> TorchScriptValue {
    switch self {
    case .tensor: return .tensor(rest.popFirst() ?? .poison)
    case .list(let items): return .list(items.map { $0.replacingTensors(from: &rest) })
    case .tuple(let items): return .tuple(items.map { $0.replacingTensors(from: &rest) })
    case .dictionary(let pairs): return .dictionary(pairs.map { ($0.key, $0.value.replacingTensors(from: &rest)) })
    default: return self
    }
  }
}

/// An argument of a method of a TorchScript module.
public struct TorchScriptArgument: Sendable {
  public let name: String
  /// As the code has it: `Tensor`, `Optional[Tensor]`, `List[int]`, `__torch__.model.Pair`.
  public let type: String
  /// Whether the code says what it is where it is not given.
  public let hasDefault: Bool
}
