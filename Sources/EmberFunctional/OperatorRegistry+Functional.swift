import EmberTensor

extension OperatorRegistry {
  /// Adds the operators of this module, family by family; each family stands at the end of its operations' file.
  public mutating func addFunctionalOperators() {
    addActivations()
    addElementLosses()
    addPadding()
    addDistances()
    addConvolutions()
    addPoolings()
    addNormalizations()
    addClassLosses()
    addCTCLoss()
    addEmbeddings()
    addInterpolation()
    addGridSampling()
    addFolding()
    addChannelRearrangement()
    addAttention()
    addMultiHeadAttention()
    addFractionalPooling()
    addSegmentReduction()
    addInternalOperators()
  }
}
