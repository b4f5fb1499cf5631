import EmberNN
import EmberRuntime
import EmberTensor
import Synchronization
import Testing

/// What hooks saw, in order.
private final class Journal: Sendable {
  private let state = Mutex<[String]>([])
  func note(_ entry: String) { state.withLock { $0.append(entry) } }
  var entries: [String] { state.withLock { $0 } }
}

private func text(_ gradients: [Tensor?]) -> String { "\(gradients.map { $0?.elements(as: Double.self) })" }

private final class Pair: Module, Layer {
  func forward(_ input: (Tensor, Tensor)) -> (Tensor, Tensor) { (input.0 * 2, input.0 * input.1) }
}

@Suite struct BackwardHooks {
  @Test func seesBothSides() {
    let layer = Linear(2, 1, bias: false)
    layer.weight = Tensor([[3.0, 5.0]])
    let journal = Journal()
    let before = layer.registerFullBackwardPreHook {
      journal.note("before \(text($0))")
      return nil
    }
    let after = layer.registerFullBackwardHook {
      journal.note("after \(text($0)) \(text($1))")
      return nil
    }
    let x = Tensor([[1.0, 2.0]], requiresGrad: true)
    (layer(x) * 2).sum().backward()
    #expect(journal.entries == ["before \(text([Tensor([[2.0]])]))", "after \(text([Tensor([[6.0, 10.0]])])) \(text([Tensor([[2.0]])]))"])
    #expect(x.grad?.elements(as: Double.self) == [6, 10])
    before.remove()
    after.remove()
    layer(x).sum().backward()
    #expect(journal.entries.count == 2)
  }

  @Test func replacesGradients() {
    let layer = Linear(2, 1, bias: false)
    layer.weight = Tensor([[3.0, 5.0]])
    layer.registerFullBackwardPreHook { $0.map { $0.map { $0 * 10 } } }
    layer.registerFullBackwardHook { input, _ in input.map { $0.map { $0 + 1 } } }
    let x = Tensor([[1.0, 2.0]], requiresGrad: true)
    layer(x).sum().backward()
    #expect(x.grad?.elements(as: Double.self) == [31, 51])
    #expect(layer.$weight.grad?.elements(as: Double.self) == [10, 20])
  }

  @Test func tuplesAndInputsWithoutGradients() {
    let journal = Journal()
    let pair = Pair()
    pair.registerFullBackwardHook {
      journal.note("\(text($0)) \(text($1))")
      return nil
    }
    let a = Tensor([2.0], requiresGrad: true)
    let (_, product) = pair((a, Tensor([7.0])))
    product.sum().backward()
    #expect(journal.entries == ["\(text([Tensor([7.0]), nil])) \(text([nil, Tensor([1.0])]))"])
    #expect(a.grad?.item() == 7)
    // No input takes a gradient: the hook runs when the outputs' are there.
    let layer = Linear(1, 1, bias: false)
    layer.registerFullBackwardHook {
      journal.note("\(text($0)) \(text($1))")
      return nil
    }
    layer(Tensor([[2.0]])).sum().backward()
    #expect(journal.entries.last == "\(text([nil])) \(text([Tensor([[1.0]])]))")
    #expect(layer.$weight.grad?.item() == 2)
  }

  @Test func secondDerivatives() {
    let layer = Linear(1, 1, bias: false)
    layer.weight = Tensor([[3.0]])
    layer.registerFullBackwardHook { _, _ in nil }
    let x = Tensor([[2.0]], requiresGrad: true)
    let y = layer(x * x).pow(2).sum()  // 9·x⁴
    let first = grad(of: y, with: x, createGraph: true)
    #expect(abs(first.item() - 288) < 1e-3)
    #expect(abs(grad(of: first.sum(), with: x).item() - 432) < 1e-3)
  }

  /// Layers that are called with more than their input, or return more than one tensor.
  @Test func layersOfManyArguments() {
    let journal = Journal()
    let lstm = LSTM(2, 3)
    lstm.registerFullBackwardHook { input, output in
      journal.note("lstm \(input.count) \(output.map { $0 != nil })")
      return nil
    }
    let x = Tensor.ones([4, 1, 2], requiresGrad: true)
    let (output, (h, _)) = lstm(x, (Tensor.zeros([1, 1, 3]), Tensor.zeros([1, 1, 3])))
    (output.sum() + h.sum()).backward()
    let attention = MultiheadAttention(4, 2)
    attention.registerFullBackwardHook { input, output in
      journal.note("attention \(input.count) \(output.count)")
      return nil
    }
    attention.registerForwardPreHook { journal.note("in \($0.0.shape)"); return nil }
    let q = Tensor.ones([3, 1, 4], requiresGrad: true)
    attention(q, q, q, needWeights: false).output.sum().backward()
    attention(q, q, q).output.sum().backward()
    let block = TransformerEncoderLayer(4, 2, feedforward: 4)
    block.registerForwardHook { _, y in
      journal.note("block \(y.shape)")
      return nil
    }
    _ = block(q, mask: nil)
    #expect(
      journal.entries == [
        "lstm 1 [true, true, false]", "in [3, 1, 4]", "attention 3 1", "in [3, 1, 4]", "attention 3 2", "block [3, 1, 4]",
      ])
  }

  @Test func wrongNumbersAreRefused() {
    let layer = Linear(1, 1)
    layer.registerFullBackwardHook { _, _ in [] }
    let x = Tensor([[2.0]], requiresGrad: true)
    let error = #expect(throws: EmberError.self) { try catchingErrors { layer(x).sum().backward() } }
    #expect(error?.message.contains("0 gradients for 1 tensors") == true)
  }
}
