import EmberRuntime
import EmberTensor
import Foundation
import Synchronization
import Testing

@Suite struct ErrorTests {
  struct Failure: Sendable, CustomStringConvertible {
    let description: String
    let kind: EmberError.Kind
    /// Words the message must hold: operation, shapes, dtypes.
    let words: [String]
    let run: @Sendable () -> Void
  }

  static let failures: [Failure] = [
    Failure(description: "broadcast", kind: .shape, words: ["[add]", "float32[2, 3]", "float32[4]"]) {
      _ = Tensor.ones([2, 3]) + Tensor.ones([4])
    },
    Failure(description: "matmul", kind: .shape, words: ["[matmul]", "[2, 3]", "[2, 4]"]) {
      _ = Tensor.ones([2, 3]).matmul(Tensor.ones([2, 4]))
    },
    Failure(description: "matmul dtype", kind: .dtype, words: ["[matmul]", "float32", "float64"]) {
      _ = Tensor.ones([2, 3]).matmul(Tensor.ones([3, 4], dtype: .float64))
    },
    Failure(description: "position", kind: .index, words: ["[index]", "5", "[3]"]) { _ = Tensor.ones([3])[5] },
    Failure(description: "index tensor", kind: .index, words: ["[index]", "7"]) { _ = Tensor.ones([3])[Tensor([0, 7])] },
    Failure(description: "gather", kind: .index, words: ["[gather]", "9"]) { _ = Tensor.ones([3]).gather(dim: 0, index: Tensor([9])) },
    Failure(description: "too many indices", kind: .index, words: ["[index]"]) { _ = Tensor.ones([3])[0, 0] },
    Failure(description: "reshape", kind: .shape, words: ["[reshape]", "[2, 3]", "[4]"]) { _ = Tensor.ones([2, 3]).reshape(4) },
    Failure(description: "dimension", kind: .index, words: ["[sum]", "4"]) { _ = Tensor.ones([2, 3]).sum(4) },
    Failure(description: "dtype", kind: .dtype, words: ["[bitwise_and]", "float32"]) { _ = Tensor.ones([2]) & Tensor.ones([2]) },
    Failure(description: "device mix", kind: .device, words: ["[add]", "meta"]) { _ = Tensor.ones([2]) + Tensor.ones([2], on: .meta) },
    Failure(description: "no such device", kind: .device, words: ["cuda", "cpu"]) { _ = Tensor.ones([2]).to(.cuda(7)) },
    Failure(description: "item", kind: .shape, words: ["[item]", "[2]"]) { _ = Tensor.ones([2]).item() },
    Failure(description: "elements", kind: .shape, words: ["5 elements", "[2, 2]"]) { _ = Tensor([1, 2, 3, 4, 5], shape: [2, 2]) },
    Failure(description: "backward", kind: .shape, words: ["[backward]"]) { (Tensor.ones([2], requiresGrad: true) * 2).backward() },
    Failure(description: "backward without a graph", kind: .value, words: ["requiresGrad"]) { Tensor.ones([1]).backward() },
    Failure(description: "cat", kind: .shape, words: ["[cat]", "[2, 3]", "[3, 2]"]) {
      _ = cat([Tensor.ones([2, 3]), Tensor.ones([3, 2])])
    },
    Failure(description: "cat of nothing", kind: .value, words: ["[cat]"]) { _ = cat([]) },
    Failure(description: "mean of integers", kind: .dtype, words: ["[mean]", "int64"]) { _ = Tensor.arange(3).mean() },
    Failure(description: "max of nothing", kind: .shape, words: ["[amax]"]) { _ = Tensor.zeros([0]).max() },
    Failure(description: "huge", kind: .memory, words: ["addressed"]) { _ = Tensor.zeros([1 << 40, 1 << 40]) },
    Failure(description: "more than there is", kind: .memory, words: ["bytes"]) { _ = Tensor.zeros([1 << 50]) },
    Failure(description: "too many dimensions", kind: .shape, words: ["9", "8"]) { _ = Tensor.zeros([1, 1, 1, 1, 1, 1, 1, 1, 1]) },
    Failure(description: "shape position", kind: .index, words: ["3"]) { _ = Tensor.zeros([2]).shape[3] },
    Failure(description: "topk", kind: .index, words: ["[topk]", "5"]) { _ = Tensor.ones([3]).topk(5) },
    Failure(description: "mask", kind: .shape, words: ["[index]"]) { _ = Tensor.ones([3])[Tensor([true, false])] },
    Failure(description: "write", kind: .shape, words: ["[index_put]"]) {
      var x = Tensor.ones([3])
      x[0..<2] = Tensor.ones([3])
    },
    Failure(description: "meta has no elements", kind: .device, words: ["meta"]) { _ = Tensor.ones([1], on: .meta).item() },
  ]

  @Test(arguments: failures)
  func isCaughtAndSaysWhat(_ failure: Failure) {
    let error = #expect(throws: EmberError.self) { try catchingErrors { failure.run() } }
    #expect(error?.kind == failure.kind)
    for word in failure.words { #expect(error?.description.contains(word) == true, "\(error?.description ?? "") lacks \(word)") }
  }

  @Test func laterOperationsReturnPoison() throws {
    let x = Tensor.ones([3]), sound = Tensor.ones([100])
    var y = Tensor.zeros([1])
    let error = #expect(throws: EmberError.self) {
      try catchingErrors {
        let bad = x[5]
        y = bad + 1
        // A sound tensor, but one that would have to be converted first.
        #expect(sound.elements(as: Double.self) == Array(repeating: 0, count: 100))
        let more = y.matmul(y).sum().softmax(3).reshape(7)
        #expect(more.item() == 0 && more.shape[2] == 1 && more.elements(as: Float.self).allSatisfy { $0 == 0 })
        #expect(more.elements(as: Float.self).count > 1)
      }
    }
    #expect(error?.kind == .index)
    // What leaked out of the scope is refused, by name.
    let poisoned = #expect(throws: EmberError.self) { try catchingErrors { _ = y + 1 } }
    #expect(poisoned?.kind == .poisoned)
    #expect(throws: EmberError.self) { try y.itemOrThrow(as: Float.self) }
  }

  /// Whoever goes on after a failure and reads the second piece leaves no array.
  @Test func failedCutsGiveAsManyPiecesAsWereAskedFor() {
    let x = Tensor.ones([3, 3])
    let cuts: [(Int, (Tensor) -> [Tensor])] = [
      (5, { $0.chunk(5, dim: 7) }), (4, { $0.tensorSplit(4, dim: 7) }), (2, { $0.split([2, 2]) }), (2, { $0.hsplit(2) }),
      (3, { $0.tensorSplit(at: [1, 2], dim: 7) }), (64, { $0.unbind(7) }), (64, { $0.split(0) }), (2, { $0.gradient([7, 8]) }),
      (2, { $0.unravelIndex([3, 3]) }),
    ]
    for (count, cut) in cuts {
      #expect(throws: EmberError.self) {
        try catchingErrors {
          #expect(cut(x).count == count)
          #expect(cut(x + 1).count == count)  // the scope has failed
        }
      }
    }
  }

  @Test func cellsDiscardWritesOfAFailedScope() {
    let weight = StateCell(Tensor.ones([2]), isParameter: true), running = StateCell(Tensor.zeros([2]), isParameter: false)
    _ = try? catchingErrors {
      running.value = Tensor.ones([2])  // before the failure: taken back
      weight.value = Tensor.ones([2])[5]
      weight.value = Tensor.zeros([2])
      weight.update { $0 += 1 }
    }
    #expect(weight.value.elements(as: Float.self) == [1, 1] && running.value.elements(as: Float.self) == [0, 0])
  }

  @Test func cellsKeepValuesThatCannotHaveGradients() {
    let cell = StateCell(Tensor([1, 2]), isParameter: false), weight = StateCell(Tensor.ones([2]), isParameter: true)
    let error = #expect(throws: EmberError.self) {
      try catchingErrors {
        weight.requiresGrad = false  // before the failure: taken back
        cell.requiresGrad = true
        weight.requiresGrad = false
      }
    }
    #expect(error?.kind == .dtype)
    #expect(cell.value.elements(as: Int.self) == [1, 2] && !cell.requiresGrad && weight.requiresGrad)
    var tensor = Tensor([3])
    #expect(throws: EmberError.self) { try catchingErrors { tensor.requiresGrad = true } }
    #expect(tensor.elements(as: Int.self) == [3] && !tensor.requiresGrad)
  }

  @Test func updatesMayReadTheirCell() {
    let cell = StateCell(Tensor.ones([2]), isParameter: true)
    cell.grad = Tensor.ones([2])
    cell.update { $0 += cell.value * 2 }
    cell.update { value in
      cell.update { $0 *= 0 }
      value += 1
    }
    #expect(cell.value.elements(as: Float.self) == [4, 4])
    #expect(cell.requiresGrad && cell.grad?.elements(as: Float.self) == [1, 1])
    // Another shape needs another leaf.
    cell.update { $0 = Tensor.ones([3]) }
    cell.value.sum().backward()
    #expect(cell.grad?.elements(as: Float.self) == [1, 1, 1])
  }

  @Test func scopesNest() throws {
    let value = try catchingErrors { () -> Double in
      _ = try? catchingErrors { _ = Tensor.ones([2])[9] }
      return Tensor.ones([2]).sum().item()
    }
    #expect(value == 2)
  }

  /// What is allowed and seldom meant is said once for each operation. In a process of its own: warnings are of the process.
  @Test func warningsAreWrittenOnce() async throws {
    let result = try #require(
      await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
        unsetenv("EMBER_QUIET")
        let column = Tensor.ones([4, 1]), row = Tensor.ones([4]), x = Tensor([1.0], requiresGrad: true)
        for _ in 0..<2 { _ = column.mseLoss(row) }
        _ = row.l1Loss(row)
        _ = try? catchingErrors { row.l1Loss(Tensor.ones([3])) }
        _ = try? catchingErrors { row[9].huberLoss(row) }
        let kept = x * 2, given = x * 4, lost = x * 3
        kept.retainGrad()
        given.grad = Tensor([6.0])
        (kept + lost).sum().backward()
        precondition(kept.grad?.item() == 1 && given.grad?.item() == 6 && lost.grad == nil && x.grad?.item() == 5)
      })
    let lines = String(decoding: result.standardErrorContent, as: UTF8.self).split(separator: "\n").filter { $0.hasPrefix("warning: ") }
    #expect(lines.count == 2, "\(lines)")
    #expect(lines.first?.contains("[mse_loss] input float32[4, 1] and target float32[4]") == true)
    #expect(lines.last?.contains("[grad] float32[1] was made by mul") == true)
  }

  @Test func programsTakeWarnings() async throws {
    let result = try #require(
      await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
        setenv("EMBER_QUIET", "1", 1)
        let column = Tensor.ones([4, 1]), row = Tensor.ones([4])
        let taken = Mutex<[EmberWarning]>([])
        Warnings.handle { warning in
          // What a handler does itself is dropped.
          _ = column.smoothL1Loss(row)
          taken.withLock { $0.append(warning) }
        }
        for _ in 0..<2 { _ = column.huberLoss(row) }
        Warnings.handle(with: nil)
        _ = column.huberLoss(row)
        precondition(taken.withLock { $0.map(\.operation) } == ["huber_loss", "huber_loss"] && taken.withLock { $0[0].kind } == .broadcasting)
      })
    #expect(!String(decoding: result.standardErrorContent, as: UTF8.self).contains("warning: "))
  }
}
