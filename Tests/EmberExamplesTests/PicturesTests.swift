import Ember
import Testing

@testable import Pictures

@Suite(.serialized) struct PicturesTests {
  @Test(arguments: Architecture.allCases) func aNetworkLearns(_ architecture: Architecture) throws {
    manualSeed(0)
    let clothing = try Clothing(limit: 768)
    let model = architecture.model(width: 8)
    let trainer = makeTrainer(model, clothing.training, epochs: 3, batchSize: 64)
    trainer.showsProgress = false
    try trainer.run()
    let (first, last) = ends(of: trainer.losses)
    #expect(last < 0.7 * first, "\(trainer.losses)")
    // Ten kinds of clothing: guessing would find a tenth.
    #expect(try accuracy(model, clothing.test) > 0.4)
    #expect(model.isTraining)
  }
}
