import EmberFunctional
import EmberLinearAlgebra
import EmberSparse
import EmberSpectral
import EmberTensor

extension OperatorRegistry {
  /// Every operator of Ember's own packages, by name. Made once; copies are cheap and can be added to.
  public static let standard: OperatorRegistry = {
    var registry = OperatorRegistry()
    registry.addTensorOperators()
    registry.addFunctionalOperators()
    registry.addLinearAlgebraOperators()
    registry.addSpectralOperators()
    registry.addSparseOperators()
    registry.addInPlaceForms()
    return registry
  }()
}
