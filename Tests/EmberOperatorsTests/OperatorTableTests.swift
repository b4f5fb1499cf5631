import EmberOperators
import EmberTensor
import Foundation
import Testing

@testable import EmberConformance

/// What operators do on `meta`, forward and on batches, seen on PyTorch's samples.
@Suite struct OperatorTableTests {
  static let facts = Result { try OperatorFacts.observed(.standard, on: Corpus(Repository.casesPath), differences: true) }

  /// Operators at a jump or kink in one of the samples, where difference quotients mean nothing: targets of ±1 that are moved,
  /// elements that several others compete for, matrices whose rank changes.
  static let withoutDifferences: Set<String> = [
    "aten::linalg_pinv", "torch.nn.functional.cosine_embedding_loss", "torch.nn.functional.hinge_embedding_loss",
    "torch.nn.functional.max_unpool1d", "torch.nn.functional.max_unpool2d", "torch.nn.functional.max_unpool3d",
  ]
  /// Gradients that cannot be differentiated again, so that there is no forward mode.
  static let onceDifferentiable: Set<String> = [
    "torch.grid_sampler_2d", "torch.grid_sampler_3d", "aten::grid_sampler_2d", "aten::grid_sampler_3d", "torch.nn.functional.grid_sample",
    "torch.nn.functional.ctc_loss",
  ]

  /// Forward mode agrees with reverse mode, u·(J·t) = (uᵀJ)·t, and with difference quotients.
  @Test func forwardModeAgreesOnEverySample() throws {
    let facts = try Self.facts.get()
    #expect(facts.values.count { $0.tangent.word == "yes" } > 400)
    for (name, fact) in facts where !Self.withoutDifferences.contains(name) && !Self.onceDifferentiable.contains(name) {
      for failure in fact.tangent.failures { Issue.record("\(name): \(failure)") }
    }
  }

  /// Batches agree with a loop, except where a result's shape or a Swift number depends on a member's elements.
  @Test func batchesAgreeWithTheLoopOnEverySample() throws {
    let facts = try Self.facts.get()
    #expect(facts.values.count { ["yes", "loop"].contains($0.batching.word) } > 680)
    for (name, fact) in facts {
      for failure in fact.batching.failures where !failure.contains("stands for every member of a batch") {
        Issue.record("\(name): \(failure)")
      }
    }
  }

  /// `meta` gives shapes and dtypes, except where these depend on elements.
  @Test func metaAgreesOnEverySample() throws {
    for (name, fact) in try Self.facts.get() {
      for failure in fact.meta.failures {
        let dependsOnData = ["depends on data", "has no elements to read", "not on meta"].contains { failure.contains($0) }
        #expect(dependsOnData, "\(name): \(failure)")
      }
    }
  }

  /// `ember ops --update docs/operators.md` was run.
  @Test func theDocumentIsUpToDate() throws {
    let document = try String(contentsOfFile: Repository.operatorsPath, encoding: .utf8)
    let facts = try OperatorFacts.observed(.standard, on: Corpus(Repository.casesPath))
    let table = OperatorTable(.standard, facts: facts, keeping: document)
    #expect(table.document(keeping: document) == document, "run `swift run ember ops --update docs/operators.md`")
    #expect(table.rows.allSatisfy { $0.count == OperatorTable.titles.count })
  }
}
