// Included inside of class ember::Tensor.
// Made by `ember c-header`: changes belong into the operators' declarations or into Sources/EmberCommand/CppOperators.swift.
  Tensor abs() const { return call<Tensor>("aten::abs", {*this}); }
  Tensor &abs_() & { return assign(call<Tensor>("aten::abs_", {*this})); }
  Tensor absolute() const { return call<Tensor>("aten::absolute", {*this}); }
  Tensor &absolute_() & { return assign(call<Tensor>("aten::absolute_", {*this})); }
  Tensor acos() const { return call<Tensor>("aten::acos", {*this}); }
  Tensor &acos_() & { return assign(call<Tensor>("aten::acos_", {*this})); }
  Tensor acosh() const { return call<Tensor>("aten::acosh", {*this}); }
  Tensor &acosh_() & { return assign(call<Tensor>("aten::acosh_", {*this})); }
  Tensor adaptive_avg_pool1d(IntList output_size) const { return call<Tensor>("aten::adaptive_avg_pool1d", {*this, output_size}); }
  Tensor adaptive_avg_pool2d(IntList output_size) const { return call<Tensor>("aten::adaptive_avg_pool2d", {*this, output_size}); }
  Tensor adaptive_avg_pool3d(IntList output_size) const { return call<Tensor>("aten::adaptive_avg_pool3d", {*this, output_size}); }
  ::std::tuple<Tensor, Tensor> adaptive_max_pool1d(IntList output_size) const {
    return call<::std::tuple<Tensor, Tensor>>("aten::adaptive_max_pool1d", {*this, output_size});
  }
  ::std::tuple<Tensor, Tensor> adaptive_max_pool2d(IntList output_size) const {
    return call<::std::tuple<Tensor, Tensor>>("aten::adaptive_max_pool2d", {*this, output_size});
  }
  ::std::tuple<Tensor, Tensor> adaptive_max_pool3d(IntList output_size) const {
    return call<::std::tuple<Tensor, Tensor>>("aten::adaptive_max_pool3d", {*this, output_size});
  }
  Tensor add(const Tensor &other, Scalar alpha = 1) const {
    return call<Tensor>("aten::add.Tensor", {*this, other, {"alpha", alpha}});
  }
  Tensor add(Scalar other, Scalar alpha = 1) const { return call<Tensor>("aten::add.Scalar", {*this, other, alpha}); }
  Tensor &add_(const Tensor &other, Scalar alpha = 1) & {
    return assign(call<Tensor>("aten::add_.Tensor", {*this, other, {"alpha", alpha}}));
  }
  Tensor &add_(Scalar other, Scalar alpha = 1) & { return assign(call<Tensor>("aten::add_.Scalar", {*this, other, alpha})); }
  Tensor addbmm(const Tensor &batch1, const Tensor &batch2, Scalar beta = 1, Scalar alpha = 1) const {
    return call<Tensor>("aten::addbmm", {*this, batch1, batch2, {"beta", beta}, {"alpha", alpha}});
  }
  Tensor &addbmm_(const Tensor &batch1, const Tensor &batch2, Scalar beta = 1, Scalar alpha = 1) & {
    return assign(call<Tensor>("aten::addbmm_", {*this, batch1, batch2, {"beta", beta}, {"alpha", alpha}}));
  }
  Tensor addcdiv(const Tensor &tensor1, const Tensor &tensor2, Scalar value = 1) const {
    return call<Tensor>("aten::addcdiv", {*this, tensor1, tensor2, {"value", value}});
  }
  Tensor &addcdiv_(const Tensor &tensor1, const Tensor &tensor2, Scalar value = 1) & {
    return assign(call<Tensor>("aten::addcdiv_", {*this, tensor1, tensor2, {"value", value}}));
  }
  Tensor addcmul(const Tensor &tensor1, const Tensor &tensor2, Scalar value = 1) const {
    return call<Tensor>("aten::addcmul", {*this, tensor1, tensor2, {"value", value}});
  }
  Tensor &addcmul_(const Tensor &tensor1, const Tensor &tensor2, Scalar value = 1) & {
    return assign(call<Tensor>("aten::addcmul_", {*this, tensor1, tensor2, {"value", value}}));
  }
  Tensor addmm(const Tensor &mat1, const Tensor &mat2, Scalar beta = 1, Scalar alpha = 1) const {
    return call<Tensor>("aten::addmm", {*this, mat1, mat2, {"beta", beta}, {"alpha", alpha}});
  }
  Tensor &addmm_(const Tensor &mat1, const Tensor &mat2, Scalar beta = 1, Scalar alpha = 1) & {
    return assign(call<Tensor>("aten::addmm_", {*this, mat1, mat2, {"beta", beta}, {"alpha", alpha}}));
  }
  Tensor addmv(const Tensor &mat, const Tensor &vec, Scalar beta = 1, Scalar alpha = 1) const {
    return call<Tensor>("aten::addmv", {*this, mat, vec, {"beta", beta}, {"alpha", alpha}});
  }
  Tensor &addmv_(const Tensor &mat, const Tensor &vec, Scalar beta = 1, Scalar alpha = 1) & {
    return assign(call<Tensor>("aten::addmv_", {*this, mat, vec, {"beta", beta}, {"alpha", alpha}}));
  }
  Tensor addr(const Tensor &vec1, const Tensor &vec2, Scalar beta = 1, Scalar alpha = 1) const {
    return call<Tensor>("aten::addr", {*this, vec1, vec2, {"beta", beta}, {"alpha", alpha}});
  }
  Tensor &addr_(const Tensor &vec1, const Tensor &vec2, Scalar beta = 1, Scalar alpha = 1) & {
    return assign(call<Tensor>("aten::addr_", {*this, vec1, vec2, {"beta", beta}, {"alpha", alpha}}));
  }
  Tensor adjoint() const { return call<Tensor>("aten::adjoint", {*this}); }
  Tensor alias() const { return call<Tensor>("aten::alias", {*this}); }
  Tensor alias_copy() const { return call<Tensor>("aten::alias_copy", {*this}); }
  Tensor all() const { return call<Tensor>("aten::all", {*this}); }
  Tensor all(int64_t dim, Bool keepdim = false) const { return call<Tensor>("aten::all.dim", {*this, dim, keepdim}); }
  Tensor all(OptionalIntList dim, Bool keepdim = false) const { return call<Tensor>("aten::all.dims", {*this, dim, keepdim}); }
  bool allclose(const Tensor &other, double rtol = 1e-05, double atol = 1e-08, Bool equal_nan = false) const {
    return call<bool>("aten::allclose", {*this, other, rtol, atol, equal_nan});
  }
  Tensor amax(IntList dim = {}, Bool keepdim = false) const { return call<Tensor>("aten::amax", {*this, dim, keepdim}); }
  Tensor amin(IntList dim = {}, Bool keepdim = false) const { return call<Tensor>("aten::amin", {*this, dim, keepdim}); }
  ::std::tuple<Tensor, Tensor> aminmax(::std::optional<int64_t> dim = ::std::nullopt, Bool keepdim = false) const {
    return call<::std::tuple<Tensor, Tensor>>("aten::aminmax", {*this, {"dim", dim}, {"keepdim", keepdim}});
  }
  Tensor angle() const { return call<Tensor>("aten::angle", {*this}); }
  Tensor any() const { return call<Tensor>("aten::any", {*this}); }
  Tensor any(int64_t dim, Bool keepdim = false) const { return call<Tensor>("aten::any.dim", {*this, dim, keepdim}); }
  Tensor any(OptionalIntList dim, Bool keepdim = false) const { return call<Tensor>("aten::any.dims", {*this, dim, keepdim}); }
  Tensor arccos() const { return call<Tensor>("aten::arccos", {*this}); }
  Tensor &arccos_() & { return assign(call<Tensor>("aten::arccos_", {*this})); }
  Tensor arccosh() const { return call<Tensor>("aten::arccosh", {*this}); }
  Tensor &arccosh_() & { return assign(call<Tensor>("aten::arccosh_", {*this})); }
  Tensor arcsin() const { return call<Tensor>("aten::arcsin", {*this}); }
  Tensor &arcsin_() & { return assign(call<Tensor>("aten::arcsin_", {*this})); }
  Tensor arcsinh() const { return call<Tensor>("aten::arcsinh", {*this}); }
  Tensor &arcsinh_() & { return assign(call<Tensor>("aten::arcsinh_", {*this})); }
  Tensor arctan() const { return call<Tensor>("aten::arctan", {*this}); }
  Tensor arctan2(const Tensor &other) const { return call<Tensor>("aten::arctan2", {*this, other}); }
  Tensor &arctan2_(const Tensor &other) & { return assign(call<Tensor>("aten::arctan2_", {*this, other})); }
  Tensor &arctan_() & { return assign(call<Tensor>("aten::arctan_", {*this})); }
  Tensor arctanh() const { return call<Tensor>("aten::arctanh", {*this}); }
  Tensor &arctanh_() & { return assign(call<Tensor>("aten::arctanh_", {*this})); }
  Tensor argmax(::std::optional<int64_t> dim = ::std::nullopt, Bool keepdim = false) const {
    return call<Tensor>("aten::argmax", {*this, dim, keepdim});
  }
  Tensor argmin(::std::optional<int64_t> dim = ::std::nullopt, Bool keepdim = false) const {
    return call<Tensor>("aten::argmin", {*this, dim, keepdim});
  }
  Tensor argsort(int64_t dim = -1, Bool descending = false) const { return call<Tensor>("aten::argsort", {*this, dim, descending}); }
  Tensor argsort(Bool stable, int64_t dim = -1, Bool descending = false) const {
    return call<Tensor>("aten::argsort.stable", {*this, {"stable", stable}, {"dim", dim}, {"descending", descending}});
  }
  Tensor argwhere() const { return call<Tensor>("aten::argwhere", {*this}); }
  Tensor as_strided(IntList size, IntList stride, ::std::optional<int64_t> storage_offset = ::std::nullopt) const {
    return call<Tensor>("aten::as_strided", {*this, size, stride, storage_offset});
  }
  Tensor as_strided_copy(IntList size, IntList stride, ::std::optional<int64_t> storage_offset = ::std::nullopt) const {
    return call<Tensor>("aten::as_strided_copy", {*this, size, stride, storage_offset});
  }
  Tensor as_strided_scatter(const Tensor &src, IntList size, IntList stride,
      ::std::optional<int64_t> storage_offset = ::std::nullopt) const {
    return call<Tensor>("aten::as_strided_scatter", {*this, src, size, stride, storage_offset});
  }
  Tensor asin() const { return call<Tensor>("aten::asin", {*this}); }
  Tensor &asin_() & { return assign(call<Tensor>("aten::asin_", {*this})); }
  Tensor asinh() const { return call<Tensor>("aten::asinh", {*this}); }
  Tensor &asinh_() & { return assign(call<Tensor>("aten::asinh_", {*this})); }
  Tensor atan() const { return call<Tensor>("aten::atan", {*this}); }
  Tensor atan2(const Tensor &other) const { return call<Tensor>("aten::atan2", {*this, other}); }
  Tensor &atan2_(const Tensor &other) & { return assign(call<Tensor>("aten::atan2_", {*this, other})); }
  Tensor &atan_() & { return assign(call<Tensor>("aten::atan_", {*this})); }
  Tensor atanh() const { return call<Tensor>("aten::atanh", {*this}); }
  Tensor &atanh_() & { return assign(call<Tensor>("aten::atanh_", {*this})); }
  Tensor atleast_1d() const { return call<Tensor>("aten::atleast_1d", {*this}); }
  Tensor atleast_2d() const { return call<Tensor>("aten::atleast_2d", {*this}); }
  Tensor atleast_3d() const { return call<Tensor>("aten::atleast_3d", {*this}); }
  Tensor avg_pool1d(IntList kernel_size, IntList stride = {}, IntList padding = 0, Bool ceil_mode = false,
      Bool count_include_pad = true) const {
    return call<Tensor>("aten::avg_pool1d", {*this, kernel_size, stride, padding, ceil_mode, count_include_pad});
  }
  Tensor avg_pool2d(IntList kernel_size, IntList stride = {}, IntList padding = 0, Bool ceil_mode = false,
      Bool count_include_pad = true, ::std::optional<int64_t> divisor_override = ::std::nullopt) const {
    return call<Tensor>("aten::avg_pool2d", {*this, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override});
  }
  Tensor avg_pool3d(IntList kernel_size, IntList stride = {}, IntList padding = 0, Bool ceil_mode = false,
      Bool count_include_pad = true, ::std::optional<int64_t> divisor_override = ::std::nullopt) const {
    return call<Tensor>("aten::avg_pool3d", {*this, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override});
  }
  Tensor baddbmm(const Tensor &batch1, const Tensor &batch2, Scalar beta = 1, Scalar alpha = 1) const {
    return call<Tensor>("aten::baddbmm", {*this, batch1, batch2, {"beta", beta}, {"alpha", alpha}});
  }
  Tensor &baddbmm_(const Tensor &batch1, const Tensor &batch2, Scalar beta = 1, Scalar alpha = 1) & {
    return assign(call<Tensor>("aten::baddbmm_", {*this, batch1, batch2, {"beta", beta}, {"alpha", alpha}}));
  }
  Tensor bernoulli(const ::std::optional<Generator> &generator = ::std::nullopt) const {
    return call<Tensor>("aten::bernoulli", {*this, {"generator", generator}});
  }
  Tensor bincount(const ::std::optional<Tensor> &weights = ::std::nullopt, int64_t minlength = 0) const {
    return call<Tensor>("aten::bincount", {*this, weights, minlength});
  }
  Tensor bitwise_and(const Tensor &other) const { return call<Tensor>("aten::bitwise_and.Tensor", {*this, other}); }
  Tensor bitwise_and(Scalar other) const { return call<Tensor>("aten::bitwise_and.Scalar", {*this, other}); }
  Tensor &bitwise_and_(const Tensor &other) & { return assign(call<Tensor>("aten::bitwise_and_.Tensor", {*this, other})); }
  Tensor &bitwise_and_(Scalar other) & { return assign(call<Tensor>("aten::bitwise_and_.Scalar", {*this, other})); }
  Tensor bitwise_left_shift(const Tensor &other) const { return call<Tensor>("aten::bitwise_left_shift.Tensor", {*this, other}); }
  Tensor bitwise_left_shift(Scalar other) const { return call<Tensor>("aten::bitwise_left_shift.Tensor_Scalar", {*this, other}); }
  Tensor &bitwise_left_shift_(const Tensor &other) & {
    return assign(call<Tensor>("aten::bitwise_left_shift_.Tensor", {*this, other}));
  }
  Tensor &bitwise_left_shift_(Scalar other) & {
    return assign(call<Tensor>("aten::bitwise_left_shift_.Tensor_Scalar", {*this, other}));
  }
  Tensor bitwise_not() const { return call<Tensor>("aten::bitwise_not", {*this}); }
  Tensor &bitwise_not_() & { return assign(call<Tensor>("aten::bitwise_not_", {*this})); }
  Tensor bitwise_or(const Tensor &other) const { return call<Tensor>("aten::bitwise_or.Tensor", {*this, other}); }
  Tensor bitwise_or(Scalar other) const { return call<Tensor>("aten::bitwise_or.Scalar", {*this, other}); }
  Tensor &bitwise_or_(const Tensor &other) & { return assign(call<Tensor>("aten::bitwise_or_.Tensor", {*this, other})); }
  Tensor &bitwise_or_(Scalar other) & { return assign(call<Tensor>("aten::bitwise_or_.Scalar", {*this, other})); }
  Tensor bitwise_right_shift(const Tensor &other) const { return call<Tensor>("aten::bitwise_right_shift.Tensor", {*this, other}); }
  Tensor bitwise_right_shift(Scalar other) const { return call<Tensor>("aten::bitwise_right_shift.Tensor_Scalar", {*this, other}); }
  Tensor &bitwise_right_shift_(const Tensor &other) & {
    return assign(call<Tensor>("aten::bitwise_right_shift_.Tensor", {*this, other}));
  }
  Tensor &bitwise_right_shift_(Scalar other) & {
    return assign(call<Tensor>("aten::bitwise_right_shift_.Tensor_Scalar", {*this, other}));
  }
  Tensor bitwise_xor(const Tensor &other) const { return call<Tensor>("aten::bitwise_xor.Tensor", {*this, other}); }
  Tensor bitwise_xor(Scalar other) const { return call<Tensor>("aten::bitwise_xor.Scalar", {*this, other}); }
  Tensor &bitwise_xor_(const Tensor &other) & { return assign(call<Tensor>("aten::bitwise_xor_.Tensor", {*this, other})); }
  Tensor &bitwise_xor_(Scalar other) & { return assign(call<Tensor>("aten::bitwise_xor_.Scalar", {*this, other})); }
  Tensor bmm(const Tensor &mat2) const { return call<Tensor>("aten::bmm", {*this, mat2}); }
  Tensor broadcast_to(IntList size) const { return call<Tensor>("aten::broadcast_to", {*this, size}); }
  Tensor bucketize(const Tensor &boundaries, Bool out_int32 = false, Bool right = false) const {
    return call<Tensor>("aten::bucketize.Tensor", {*this, boundaries, {"out_int32", out_int32}, {"right", right}});
  }
  Tensor &cauchy_(double median = 0.0, double sigma = 1.0, const ::std::optional<Generator> &generator = ::std::nullopt) & {
    return assign(call<Tensor>("aten::cauchy_", {*this, median, sigma, {"generator", generator}}));
  }
  Tensor ceil() const { return call<Tensor>("aten::ceil", {*this}); }
  Tensor &ceil_() & { return assign(call<Tensor>("aten::ceil_", {*this})); }
  Tensor celu(Scalar alpha = 1.0) const { return call<Tensor>("aten::celu", {*this, alpha}); }
  Tensor &celu_(Scalar alpha = 1.0) & { return assign(call<Tensor>("aten::celu_", {*this, alpha})); }
  Tensor channel_shuffle(int64_t groups) const { return call<Tensor>("aten::channel_shuffle", {*this, groups}); }
  Tensor cholesky(Bool upper = false) const { return call<Tensor>("aten::cholesky", {*this, upper}); }
  Tensor cholesky_inverse(Bool upper = false) const { return call<Tensor>("aten::cholesky_inverse", {*this, upper}); }
  Tensor cholesky_solve(const Tensor &input2, Bool upper = false) const {
    return call<Tensor>("aten::cholesky_solve", {*this, input2, upper});
  }
  ::std::vector<Tensor> chunk(int64_t chunks, int64_t dim = 0) const {
    return call<::std::vector<Tensor>>("aten::chunk", {*this, chunks, dim});
  }
  Tensor clamp(::std::optional<Scalar> min = ::std::nullopt, ::std::optional<Scalar> max = ::std::nullopt) const {
    return call<Tensor>("aten::clamp", {*this, min, max});
  }
  Tensor clamp(const ::std::optional<Tensor> &min, const ::std::optional<Tensor> &max = ::std::nullopt) const {
    return call<Tensor>("aten::clamp.Tensor", {*this, min, max});
  }
  Tensor &clamp_(::std::optional<Scalar> min = ::std::nullopt, ::std::optional<Scalar> max = ::std::nullopt) & {
    return assign(call<Tensor>("aten::clamp_", {*this, min, max}));
  }
  Tensor &clamp_(const ::std::optional<Tensor> &min, const ::std::optional<Tensor> &max = ::std::nullopt) & {
    return assign(call<Tensor>("aten::clamp_.Tensor", {*this, min, max}));
  }
  Tensor clamp_max(Scalar max) const { return call<Tensor>("aten::clamp_max", {*this, max}); }
  Tensor clamp_max(const Tensor &max) const { return call<Tensor>("aten::clamp_max.Tensor", {*this, max}); }
  Tensor &clamp_max_(Scalar max) & { return assign(call<Tensor>("aten::clamp_max_", {*this, max})); }
  Tensor &clamp_max_(const Tensor &max) & { return assign(call<Tensor>("aten::clamp_max_.Tensor", {*this, max})); }
  Tensor clamp_min(Scalar min) const { return call<Tensor>("aten::clamp_min", {*this, min}); }
  Tensor clamp_min(const Tensor &min) const { return call<Tensor>("aten::clamp_min.Tensor", {*this, min}); }
  Tensor &clamp_min_(Scalar min) & { return assign(call<Tensor>("aten::clamp_min_", {*this, min})); }
  Tensor &clamp_min_(const Tensor &min) & { return assign(call<Tensor>("aten::clamp_min_.Tensor", {*this, min})); }
  Tensor clip(::std::optional<Scalar> min = ::std::nullopt, ::std::optional<Scalar> max = ::std::nullopt) const {
    return call<Tensor>("aten::clip", {*this, min, max});
  }
  Tensor clip(const ::std::optional<Tensor> &min, const ::std::optional<Tensor> &max = ::std::nullopt) const {
    return call<Tensor>("aten::clip.Tensor", {*this, min, max});
  }
  Tensor &clip_(::std::optional<Scalar> min = ::std::nullopt, ::std::optional<Scalar> max = ::std::nullopt) & {
    return assign(call<Tensor>("aten::clip_", {*this, min, max}));
  }
  Tensor &clip_(const ::std::optional<Tensor> &min, const ::std::optional<Tensor> &max = ::std::nullopt) & {
    return assign(call<Tensor>("aten::clip_.Tensor", {*this, min, max}));
  }
  Tensor coalesce() const { return call<Tensor>("aten::coalesce", {*this}); }
  Tensor col2im(IntList output_size, IntList kernel_size, IntList dilation, IntList padding, IntList stride) const {
    return call<Tensor>("aten::col2im", {*this, output_size, kernel_size, dilation, padding, stride});
  }
  Tensor combinations(int64_t r = 2, Bool with_replacement = false) const {
    return call<Tensor>("aten::combinations", {*this, r, with_replacement});
  }
  Tensor conj() const { return call<Tensor>("aten::conj", {*this}); }
  Tensor conj_physical() const { return call<Tensor>("aten::conj_physical", {*this}); }
  Tensor &conj_physical_() & { return assign(call<Tensor>("aten::conj_physical_", {*this})); }
  Tensor constant_pad_nd(IntList pad, Scalar value = 0) const { return call<Tensor>("aten::constant_pad_nd", {*this, pad, value}); }
  Tensor copysign(const Tensor &other) const { return call<Tensor>("aten::copysign.Tensor", {*this, other}); }
  Tensor copysign(Scalar other) const { return call<Tensor>("aten::copysign.Scalar", {*this, other}); }
  Tensor &copysign_(const Tensor &other) & { return assign(call<Tensor>("aten::copysign_.Tensor", {*this, other})); }
  Tensor &copysign_(Scalar other) & { return assign(call<Tensor>("aten::copysign_.Scalar", {*this, other})); }
  Tensor corrcoef() const { return call<Tensor>("aten::corrcoef", {*this}); }
  Tensor cos() const { return call<Tensor>("aten::cos", {*this}); }
  Tensor &cos_() & { return assign(call<Tensor>("aten::cos_", {*this})); }
  Tensor cosh() const { return call<Tensor>("aten::cosh", {*this}); }
  Tensor &cosh_() & { return assign(call<Tensor>("aten::cosh_", {*this})); }
  Tensor count_nonzero(::std::optional<int64_t> dim = ::std::nullopt) const {
    return call<Tensor>("aten::count_nonzero", {*this, dim});
  }
  Tensor count_nonzero(IntList dim) const { return call<Tensor>("aten::count_nonzero.dim_IntList", {*this, dim}); }
  Tensor cov(int64_t correction = 1, const ::std::optional<Tensor> &fweights = ::std::nullopt,
      const ::std::optional<Tensor> &aweights = ::std::nullopt) const {
    return call<Tensor>("aten::cov", {*this, {"correction", correction}, {"fweights", fweights}, {"aweights", aweights}});
  }
  Tensor cross(const Tensor &other, ::std::optional<int64_t> dim = ::std::nullopt) const {
    return call<Tensor>("aten::cross", {*this, other, dim});
  }
  ::std::tuple<Tensor, Tensor> cummax(int64_t dim) const { return call<::std::tuple<Tensor, Tensor>>("aten::cummax", {*this, dim}); }
  ::std::tuple<Tensor, Tensor> cummin(int64_t dim) const { return call<::std::tuple<Tensor, Tensor>>("aten::cummin", {*this, dim}); }
  Tensor cumprod(int64_t dim, ::std::optional<DType> dtype = ::std::nullopt) const {
    return call<Tensor>("aten::cumprod", {*this, dim, {"dtype", dtype}});
  }
  Tensor &cumprod_(int64_t dim, ::std::optional<DType> dtype = ::std::nullopt) & {
    return assign(call<Tensor>("aten::cumprod_", {*this, dim, {"dtype", dtype}}));
  }
  Tensor cumsum(int64_t dim, ::std::optional<DType> dtype = ::std::nullopt) const {
    return call<Tensor>("aten::cumsum", {*this, dim, {"dtype", dtype}});
  }
  Tensor &cumsum_(int64_t dim, ::std::optional<DType> dtype = ::std::nullopt) & {
    return assign(call<Tensor>("aten::cumsum_", {*this, dim, {"dtype", dtype}}));
  }
  Tensor deg2rad() const { return call<Tensor>("aten::deg2rad", {*this}); }
  Tensor &deg2rad_() & { return assign(call<Tensor>("aten::deg2rad_", {*this})); }
  Tensor det() const { return call<Tensor>("aten::det", {*this}); }
  Tensor diag(int64_t diagonal = 0) const { return call<Tensor>("aten::diag", {*this, diagonal}); }
  Tensor diag_embed(int64_t offset = 0, int64_t dim1 = -2, int64_t dim2 = -1) const {
    return call<Tensor>("aten::diag_embed", {*this, offset, dim1, dim2});
  }
  Tensor diagflat(int64_t offset = 0) const { return call<Tensor>("aten::diagflat", {*this, offset}); }
  Tensor diagonal(int64_t offset = 0, int64_t dim1 = 0, int64_t dim2 = 1) const {
    return call<Tensor>("aten::diagonal", {*this, offset, dim1, dim2});
  }
  Tensor diagonal_copy(int64_t offset = 0, int64_t dim1 = 0, int64_t dim2 = 1) const {
    return call<Tensor>("aten::diagonal_copy", {*this, offset, dim1, dim2});
  }
  Tensor diagonal_scatter(const Tensor &src, int64_t offset = 0, int64_t dim1 = 0, int64_t dim2 = 1) const {
    return call<Tensor>("aten::diagonal_scatter", {*this, src, offset, dim1, dim2});
  }
  Tensor diff(int64_t n = 1, int64_t dim = -1, const ::std::optional<Tensor> &prepend = ::std::nullopt,
      const ::std::optional<Tensor> &append = ::std::nullopt) const {
    return call<Tensor>("aten::diff", {*this, n, dim, prepend, append});
  }
  Tensor digamma() const { return call<Tensor>("aten::digamma", {*this}); }
  Tensor &digamma_() & { return assign(call<Tensor>("aten::digamma_", {*this})); }
  Tensor dist(const Tensor &other, Scalar p = 2) const { return call<Tensor>("aten::dist", {*this, other, p}); }
  Tensor div(const Tensor &other) const { return call<Tensor>("aten::div.Tensor", {*this, other}); }
  Tensor div(Scalar other) const { return call<Tensor>("aten::div.Scalar", {*this, other}); }
  Tensor div(const Tensor &other, const ::std::optional<::std::string> &rounding_mode) const {
    return call<Tensor>("aten::div.Tensor_mode", {*this, other, {"rounding_mode", rounding_mode}});
  }
  Tensor div(Scalar other, const ::std::optional<::std::string> &rounding_mode) const {
    return call<Tensor>("aten::div.Scalar_mode", {*this, other, {"rounding_mode", rounding_mode}});
  }
  Tensor &div_(const Tensor &other) & { return assign(call<Tensor>("aten::div_.Tensor", {*this, other})); }
  Tensor &div_(Scalar other) & { return assign(call<Tensor>("aten::div_.Scalar", {*this, other})); }
  Tensor &div_(const Tensor &other, const ::std::optional<::std::string> &rounding_mode) & {
    return assign(call<Tensor>("aten::div_.Tensor_mode", {*this, other, {"rounding_mode", rounding_mode}}));
  }
  Tensor &div_(Scalar other, const ::std::optional<::std::string> &rounding_mode) & {
    return assign(call<Tensor>("aten::div_.Scalar_mode", {*this, other, {"rounding_mode", rounding_mode}}));
  }
  Tensor divide(const Tensor &other) const { return call<Tensor>("aten::divide.Tensor", {*this, other}); }
  Tensor divide(Scalar other) const { return call<Tensor>("aten::divide.Scalar", {*this, other}); }
  Tensor divide(const Tensor &other, const ::std::optional<::std::string> &rounding_mode) const {
    return call<Tensor>("aten::divide.Tensor_mode", {*this, other, {"rounding_mode", rounding_mode}});
  }
  Tensor divide(Scalar other, const ::std::optional<::std::string> &rounding_mode) const {
    return call<Tensor>("aten::divide.Scalar_mode", {*this, other, {"rounding_mode", rounding_mode}});
  }
  Tensor &divide_(const Tensor &other) & { return assign(call<Tensor>("aten::divide_.Tensor", {*this, other})); }
  Tensor &divide_(Scalar other) & { return assign(call<Tensor>("aten::divide_.Scalar", {*this, other})); }
  Tensor &divide_(const Tensor &other, const ::std::optional<::std::string> &rounding_mode) & {
    return assign(call<Tensor>("aten::divide_.Tensor_mode", {*this, other, {"rounding_mode", rounding_mode}}));
  }
  Tensor &divide_(Scalar other, const ::std::optional<::std::string> &rounding_mode) & {
    return assign(call<Tensor>("aten::divide_.Scalar_mode", {*this, other, {"rounding_mode", rounding_mode}}));
  }
  Tensor dot(const Tensor &tensor) const { return call<Tensor>("aten::dot", {*this, tensor}); }
  ::std::vector<Tensor> dsplit(int64_t sections) const { return call<::std::vector<Tensor>>("aten::dsplit.int", {*this, sections}); }
  ::std::vector<Tensor> dsplit(IntList indices) const { return call<::std::vector<Tensor>>("aten::dsplit.array", {*this, indices}); }
  Tensor elu(Scalar alpha = 1, Scalar scale = 1, Scalar input_scale = 1) const {
    return call<Tensor>("aten::elu", {*this, alpha, scale, input_scale});
  }
  Tensor &elu_(Scalar alpha = 1, Scalar scale = 1, Scalar input_scale = 1) & {
    return assign(call<Tensor>("aten::elu_", {*this, alpha, scale, input_scale}));
  }
  Tensor empty_like(const TensorOptions &options = {}) const {
    return call<Tensor>("aten::empty_like", {*this, {"dtype", options.dtype_opt()}, {"device", options.device_opt()}, {"requires_grad",
      options.requires_grad()}});
  }
  Tensor eq(const Tensor &other) const { return call<Tensor>("aten::eq.Tensor", {*this, other}); }
  Tensor eq(Scalar other) const { return call<Tensor>("aten::eq.Scalar", {*this, other}); }
  Tensor &eq_(const Tensor &other) & { return assign(call<Tensor>("aten::eq_.Tensor", {*this, other})); }
  Tensor &eq_(Scalar other) & { return assign(call<Tensor>("aten::eq_.Scalar", {*this, other})); }
  bool equal(const Tensor &other) const { return call<bool>("aten::equal", {*this, other}); }
  Tensor erf() const { return call<Tensor>("aten::erf", {*this}); }
  Tensor &erf_() & { return assign(call<Tensor>("aten::erf_", {*this})); }
  Tensor erfc() const { return call<Tensor>("aten::erfc", {*this}); }
  Tensor &erfc_() & { return assign(call<Tensor>("aten::erfc_", {*this})); }
  Tensor erfinv() const { return call<Tensor>("aten::erfinv", {*this}); }
  Tensor &erfinv_() & { return assign(call<Tensor>("aten::erfinv_", {*this})); }
  Tensor exp() const { return call<Tensor>("aten::exp", {*this}); }
  Tensor exp2() const { return call<Tensor>("aten::exp2", {*this}); }
  Tensor &exp2_() & { return assign(call<Tensor>("aten::exp2_", {*this})); }
  Tensor &exp_() & { return assign(call<Tensor>("aten::exp_", {*this})); }
  Tensor expand(IntList size, Bool implicit = false) const {
    return call<Tensor>("aten::expand", {*this, size, {"implicit", implicit}});
  }
  Tensor expand_as(const Tensor &other) const { return call<Tensor>("aten::expand_as", {*this, other}); }
  Tensor expand_copy(IntList size, Bool implicit = false) const {
    return call<Tensor>("aten::expand_copy", {*this, size, {"implicit", implicit}});
  }
  Tensor expm1() const { return call<Tensor>("aten::expm1", {*this}); }
  Tensor &expm1_() & { return assign(call<Tensor>("aten::expm1_", {*this})); }
  Tensor &exponential_(double lambd = 1.0, const ::std::optional<Generator> &generator = ::std::nullopt) & {
    return assign(call<Tensor>("aten::exponential_", {*this, lambd, {"generator", generator}}));
  }
  Tensor fft_fft(::std::optional<int64_t> n = ::std::nullopt, int64_t dim = -1,
      const ::std::optional<::std::string> &norm = ::std::nullopt) const {
    return call<Tensor>("aten::fft_fft", {*this, n, dim, norm});
  }
  Tensor fft_fft2(OptionalIntList s = ::std::nullopt, IntList dim = {-2, -1},
      const ::std::optional<::std::string> &norm = ::std::nullopt) const {
    return call<Tensor>("aten::fft_fft2", {*this, s, dim, norm});
  }
  Tensor fft_fftn(OptionalIntList s = ::std::nullopt, OptionalIntList dim = ::std::nullopt,
      const ::std::optional<::std::string> &norm = ::std::nullopt) const {
    return call<Tensor>("aten::fft_fftn", {*this, s, dim, norm});
  }
  Tensor fft_fftshift(OptionalIntList dim = ::std::nullopt) const { return call<Tensor>("aten::fft_fftshift", {*this, dim}); }
  Tensor fft_hfft(::std::optional<int64_t> n = ::std::nullopt, int64_t dim = -1,
      const ::std::optional<::std::string> &norm = ::std::nullopt) const {
    return call<Tensor>("aten::fft_hfft", {*this, n, dim, norm});
  }
  Tensor fft_hfft2(OptionalIntList s = ::std::nullopt, IntList dim = {-2, -1},
      const ::std::optional<::std::string> &norm = ::std::nullopt) const {
    return call<Tensor>("aten::fft_hfft2", {*this, s, dim, norm});
  }
  Tensor fft_hfftn(OptionalIntList s = ::std::nullopt, OptionalIntList dim = ::std::nullopt,
      const ::std::optional<::std::string> &norm = ::std::nullopt) const {
    return call<Tensor>("aten::fft_hfftn", {*this, s, dim, norm});
  }
  Tensor fft_ifft(::std::optional<int64_t> n = ::std::nullopt, int64_t dim = -1,
      const ::std::optional<::std::string> &norm = ::std::nullopt) const {
    return call<Tensor>("aten::fft_ifft", {*this, n, dim, norm});
  }
  Tensor fft_ifft2(OptionalIntList s = ::std::nullopt, IntList dim = {-2, -1},
      const ::std::optional<::std::string> &norm = ::std::nullopt) const {
    return call<Tensor>("aten::fft_ifft2", {*this, s, dim, norm});
  }
  Tensor fft_ifftn(OptionalIntList s = ::std::nullopt, OptionalIntList dim = ::std::nullopt,
      const ::std::optional<::std::string> &norm = ::std::nullopt) const {
    return call<Tensor>("aten::fft_ifftn", {*this, s, dim, norm});
  }
  Tensor fft_ifftshift(OptionalIntList dim = ::std::nullopt) const { return call<Tensor>("aten::fft_ifftshift", {*this, dim}); }
  Tensor fft_ihfft(::std::optional<int64_t> n = ::std::nullopt, int64_t dim = -1,
      const ::std::optional<::std::string> &norm = ::std::nullopt) const {
    return call<Tensor>("aten::fft_ihfft", {*this, n, dim, norm});
  }
  Tensor fft_ihfft2(OptionalIntList s = ::std::nullopt, IntList dim = {-2, -1},
      const ::std::optional<::std::string> &norm = ::std::nullopt) const {
    return call<Tensor>("aten::fft_ihfft2", {*this, s, dim, norm});
  }
  Tensor fft_ihfftn(OptionalIntList s = ::std::nullopt, OptionalIntList dim = ::std::nullopt,
      const ::std::optional<::std::string> &norm = ::std::nullopt) const {
    return call<Tensor>("aten::fft_ihfftn", {*this, s, dim, norm});
  }
  Tensor fft_irfft(::std::optional<int64_t> n = ::std::nullopt, int64_t dim = -1,
      const ::std::optional<::std::string> &norm = ::std::nullopt) const {
    return call<Tensor>("aten::fft_irfft", {*this, n, dim, norm});
  }
  Tensor fft_irfft2(OptionalIntList s = ::std::nullopt, IntList dim = {-2, -1},
      const ::std::optional<::std::string> &norm = ::std::nullopt) const {
    return call<Tensor>("aten::fft_irfft2", {*this, s, dim, norm});
  }
  Tensor fft_irfftn(OptionalIntList s = ::std::nullopt, OptionalIntList dim = ::std::nullopt,
      const ::std::optional<::std::string> &norm = ::std::nullopt) const {
    return call<Tensor>("aten::fft_irfftn", {*this, s, dim, norm});
  }
  Tensor fft_rfft(::std::optional<int64_t> n = ::std::nullopt, int64_t dim = -1,
      const ::std::optional<::std::string> &norm = ::std::nullopt) const {
    return call<Tensor>("aten::fft_rfft", {*this, n, dim, norm});
  }
  Tensor fft_rfft2(OptionalIntList s = ::std::nullopt, IntList dim = {-2, -1},
      const ::std::optional<::std::string> &norm = ::std::nullopt) const {
    return call<Tensor>("aten::fft_rfft2", {*this, s, dim, norm});
  }
  Tensor fft_rfftn(OptionalIntList s = ::std::nullopt, OptionalIntList dim = ::std::nullopt,
      const ::std::optional<::std::string> &norm = ::std::nullopt) const {
    return call<Tensor>("aten::fft_rfftn", {*this, s, dim, norm});
  }
  Tensor fill(Scalar value) const { return call<Tensor>("aten::fill.Scalar", {*this, value}); }
  Tensor fill(const Tensor &value) const { return call<Tensor>("aten::fill.Tensor", {*this, value}); }
  Tensor &fill_(Scalar value) & { return assign(call<Tensor>("aten::fill_.Scalar", {*this, value})); }
  Tensor &fill_(const Tensor &value) & { return assign(call<Tensor>("aten::fill_.Tensor", {*this, value})); }
  Tensor fix() const { return call<Tensor>("aten::fix", {*this}); }
  Tensor &fix_() & { return assign(call<Tensor>("aten::fix_", {*this})); }
  Tensor flatten(int64_t start_dim = 0, int64_t end_dim = -1) const {
    return call<Tensor>("aten::flatten.using_ints", {*this, start_dim, end_dim});
  }
  Tensor flip(IntList dims) const { return call<Tensor>("aten::flip", {*this, dims}); }
  Tensor fliplr() const { return call<Tensor>("aten::fliplr", {*this}); }
  Tensor flipud() const { return call<Tensor>("aten::flipud", {*this}); }
  Tensor float_power(const Tensor &exponent) const { return call<Tensor>("aten::float_power.Tensor_Tensor", {*this, exponent}); }
  Tensor float_power(Scalar exponent) const { return call<Tensor>("aten::float_power.Tensor_Scalar", {*this, exponent}); }
  Tensor &float_power_(const Tensor &exponent) & { return assign(call<Tensor>("aten::float_power_.Tensor", {*this, exponent})); }
  Tensor &float_power_(Scalar exponent) & { return assign(call<Tensor>("aten::float_power_.Scalar", {*this, exponent})); }
  Tensor floor() const { return call<Tensor>("aten::floor", {*this}); }
  Tensor &floor_() & { return assign(call<Tensor>("aten::floor_", {*this})); }
  Tensor floor_divide(const Tensor &other) const { return call<Tensor>("aten::floor_divide", {*this, other}); }
  Tensor floor_divide(Scalar other) const { return call<Tensor>("aten::floor_divide.Scalar", {*this, other}); }
  Tensor &floor_divide_(const Tensor &other) & { return assign(call<Tensor>("aten::floor_divide_.Tensor", {*this, other})); }
  Tensor &floor_divide_(Scalar other) & { return assign(call<Tensor>("aten::floor_divide_.Scalar", {*this, other})); }
  Tensor fmax(const Tensor &other) const { return call<Tensor>("aten::fmax", {*this, other}); }
  Tensor fmin(const Tensor &other) const { return call<Tensor>("aten::fmin", {*this, other}); }
  Tensor fmod(const Tensor &other) const { return call<Tensor>("aten::fmod.Tensor", {*this, other}); }
  Tensor fmod(Scalar other) const { return call<Tensor>("aten::fmod.Scalar", {*this, other}); }
  Tensor &fmod_(const Tensor &other) & { return assign(call<Tensor>("aten::fmod_.Tensor", {*this, other})); }
  Tensor &fmod_(Scalar other) & { return assign(call<Tensor>("aten::fmod_.Scalar", {*this, other})); }
  Tensor frac() const { return call<Tensor>("aten::frac", {*this}); }
  Tensor &frac_() & { return assign(call<Tensor>("aten::frac_", {*this})); }
  ::std::tuple<Tensor, Tensor> fractional_max_pool2d(IntList kernel_size, IntList output_size, const Tensor &random_samples) const {
    return call<::std::tuple<Tensor, Tensor>>("aten::fractional_max_pool2d", {*this, kernel_size, output_size, random_samples});
  }
  ::std::tuple<Tensor, Tensor> fractional_max_pool3d(IntList kernel_size, IntList output_size, const Tensor &random_samples) const {
    return call<::std::tuple<Tensor, Tensor>>("aten::fractional_max_pool3d", {*this, kernel_size, output_size, random_samples});
  }
  ::std::tuple<Tensor, Tensor> frexp() const { return call<::std::tuple<Tensor, Tensor>>("aten::frexp.Tensor", {*this}); }
  Tensor full_like(Scalar fill_value, const TensorOptions &options = {}) const {
    return call<Tensor>("aten::full_like", {*this, fill_value, {"dtype", options.dtype_opt()}, {"device", options.device_opt()},
      {"requires_grad", options.requires_grad()}});
  }
  Tensor gather(int64_t dim, const Tensor &index, Bool sparse_grad = false) const {
    return call<Tensor>("aten::gather", {*this, dim, index, {"sparse_grad", sparse_grad}});
  }
  Tensor gcd(const Tensor &other) const { return call<Tensor>("aten::gcd", {*this, other}); }
  Tensor &gcd_(const Tensor &other) & { return assign(call<Tensor>("aten::gcd_", {*this, other})); }
  Tensor ge(const Tensor &other) const { return call<Tensor>("aten::ge.Tensor", {*this, other}); }
  Tensor ge(Scalar other) const { return call<Tensor>("aten::ge.Scalar", {*this, other}); }
  Tensor &ge_(const Tensor &other) & { return assign(call<Tensor>("aten::ge_.Tensor", {*this, other})); }
  Tensor &ge_(Scalar other) & { return assign(call<Tensor>("aten::ge_.Scalar", {*this, other})); }
  Tensor gelu(const ::std::string &approximate = "none") const {
    return call<Tensor>("aten::gelu", {*this, {"approximate", approximate}});
  }
  Tensor &gelu_(const ::std::string &approximate = "none") & {
    return assign(call<Tensor>("aten::gelu_", {*this, {"approximate", approximate}}));
  }
  Tensor &geometric_(double p, const ::std::optional<Generator> &generator = ::std::nullopt) & {
    return assign(call<Tensor>("aten::geometric_", {*this, p, {"generator", generator}}));
  }
  ::std::tuple<Tensor, Tensor> geqrf() const { return call<::std::tuple<Tensor, Tensor>>("aten::geqrf", {*this}); }
  Tensor ger(const Tensor &vec2) const { return call<Tensor>("aten::ger", {*this, vec2}); }
  Tensor glu(int64_t dim = -1) const { return call<Tensor>("aten::glu", {*this, dim}); }
  ::std::vector<Tensor> gradient(::std::optional<Scalar> spacing = ::std::nullopt, ::std::optional<int64_t> dim = ::std::nullopt,
      int64_t edge_order = 1) const {
    return call<::std::vector<Tensor>>("aten::gradient.scalarint", {*this, {"spacing", spacing}, {"dim", dim}, {"edge_order",
      edge_order}});
  }
  ::std::vector<Tensor> gradient(Scalar spacing, IntList dim, int64_t edge_order = 1) const {
    return call<::std::vector<Tensor>>("aten::gradient.scalararray", {*this, {"spacing", spacing}, {"dim", dim}, {"edge_order",
      edge_order}});
  }
  ::std::vector<Tensor> gradient(IntList dim, int64_t edge_order = 1) const {
    return call<::std::vector<Tensor>>("aten::gradient.array", {*this, {"dim", dim}, {"edge_order", edge_order}});
  }
  ::std::vector<Tensor> gradient(const ::std::vector<Scalar> &spacing, ::std::optional<int64_t> dim = ::std::nullopt,
      int64_t edge_order = 1) const {
    return call<::std::vector<Tensor>>("aten::gradient.scalarrayint", {*this, {"spacing", spacing}, {"dim", dim}, {"edge_order",
      edge_order}});
  }
  ::std::vector<Tensor> gradient(const ::std::vector<Scalar> &spacing, IntList dim, int64_t edge_order = 1) const {
    return call<::std::vector<Tensor>>("aten::gradient.scalarrayarray", {*this, {"spacing", spacing}, {"dim", dim}, {"edge_order",
      edge_order}});
  }
  ::std::vector<Tensor> gradient(const ::std::vector<Tensor> &spacing, ::std::optional<int64_t> dim = ::std::nullopt,
      int64_t edge_order = 1) const {
    return call<::std::vector<Tensor>>("aten::gradient.tensorarrayint", {*this, {"spacing", spacing}, {"dim", dim}, {"edge_order",
      edge_order}});
  }
  ::std::vector<Tensor> gradient(const ::std::vector<Tensor> &spacing, IntList dim, int64_t edge_order = 1) const {
    return call<::std::vector<Tensor>>("aten::gradient.tensorarray", {*this, {"spacing", spacing}, {"dim", dim}, {"edge_order",
      edge_order}});
  }
  Tensor greater(const Tensor &other) const { return call<Tensor>("aten::greater.Tensor", {*this, other}); }
  Tensor greater(Scalar other) const { return call<Tensor>("aten::greater.Scalar", {*this, other}); }
  Tensor &greater_(const Tensor &other) & { return assign(call<Tensor>("aten::greater_.Tensor", {*this, other})); }
  Tensor &greater_(Scalar other) & { return assign(call<Tensor>("aten::greater_.Scalar", {*this, other})); }
  Tensor greater_equal(const Tensor &other) const { return call<Tensor>("aten::greater_equal.Tensor", {*this, other}); }
  Tensor greater_equal(Scalar other) const { return call<Tensor>("aten::greater_equal.Scalar", {*this, other}); }
  Tensor &greater_equal_(const Tensor &other) & { return assign(call<Tensor>("aten::greater_equal_.Tensor", {*this, other})); }
  Tensor &greater_equal_(Scalar other) & { return assign(call<Tensor>("aten::greater_equal_.Scalar", {*this, other})); }
  Tensor gt(const Tensor &other) const { return call<Tensor>("aten::gt.Tensor", {*this, other}); }
  Tensor gt(Scalar other) const { return call<Tensor>("aten::gt.Scalar", {*this, other}); }
  Tensor &gt_(const Tensor &other) & { return assign(call<Tensor>("aten::gt_.Tensor", {*this, other})); }
  Tensor &gt_(Scalar other) & { return assign(call<Tensor>("aten::gt_.Scalar", {*this, other})); }
  Tensor hardshrink(Scalar lambd = 0.5) const { return call<Tensor>("aten::hardshrink", {*this, lambd}); }
  Tensor hardsigmoid() const { return call<Tensor>("aten::hardsigmoid", {*this}); }
  Tensor &hardsigmoid_() & { return assign(call<Tensor>("aten::hardsigmoid_", {*this})); }
  Tensor hardswish() const { return call<Tensor>("aten::hardswish", {*this}); }
  Tensor &hardswish_() & { return assign(call<Tensor>("aten::hardswish_", {*this})); }
  Tensor hardtanh(Scalar min_val = -1, Scalar max_val = 1) const { return call<Tensor>("aten::hardtanh", {*this, min_val, max_val}); }
  Tensor &hardtanh_(Scalar min_val = -1, Scalar max_val = 1) & {
    return assign(call<Tensor>("aten::hardtanh_", {*this, min_val, max_val}));
  }
  Tensor heaviside(const Tensor &values) const { return call<Tensor>("aten::heaviside", {*this, values}); }
  Tensor &heaviside_(const Tensor &values) & { return assign(call<Tensor>("aten::heaviside_", {*this, values})); }
  Tensor histc(int64_t bins = 100, Scalar min = 0, Scalar max = 0) const {
    return call<Tensor>("aten::histc", {*this, bins, min, max});
  }
  ::std::tuple<Tensor, Tensor> histogram(int64_t bins = 100, const ::std::optional<::std::vector<double>> &range = ::std::nullopt,
      const ::std::optional<Tensor> &weight = ::std::nullopt, Bool density = false) const {
    return call<::std::tuple<Tensor, Tensor>>("aten::histogram.bin_ct", {*this, bins, {"range", range}, {"weight", weight}, {"density",
      density}});
  }
  ::std::tuple<Tensor, Tensor> histogram(const Tensor &bins, const ::std::optional<Tensor> &weight = ::std::nullopt,
      Bool density = false) const {
    return call<::std::tuple<Tensor, Tensor>>("aten::histogram.bins_tensor", {*this, bins, {"weight", weight}, {"density", density}});
  }
  ::std::tuple<Tensor, ::std::vector<Tensor>> histogramdd(IntList bins,
      const ::std::optional<::std::vector<double>> &range = ::std::nullopt, const ::std::optional<Tensor> &weight = ::std::nullopt,
      Bool density = false) const {
    return call<::std::tuple<Tensor, ::std::vector<Tensor>>>("aten::histogramdd", {*this, bins, range, weight, density});
  }
  ::std::tuple<Tensor, ::std::vector<Tensor>> histogramdd(int64_t bins,
      const ::std::optional<::std::vector<double>> &range = ::std::nullopt, const ::std::optional<Tensor> &weight = ::std::nullopt,
      Bool density = false) const {
    return call<::std::tuple<Tensor, ::std::vector<Tensor>>>("aten::histogramdd.int_bins", {*this, bins, range, weight, density});
  }
  ::std::tuple<Tensor, ::std::vector<Tensor>> histogramdd(const ::std::vector<Tensor> &bins,
      const ::std::optional<::std::vector<double>> &range = ::std::nullopt, const ::std::optional<Tensor> &weight = ::std::nullopt,
      Bool density = false) const {
    return call<::std::tuple<Tensor, ::std::vector<Tensor>>>("aten::histogramdd.TensorList_bins", {*this, bins, range, weight,
      density});
  }
  ::std::vector<Tensor> hsplit(int64_t sections) const { return call<::std::vector<Tensor>>("aten::hsplit.int", {*this, sections}); }
  ::std::vector<Tensor> hsplit(IntList indices) const { return call<::std::vector<Tensor>>("aten::hsplit.array", {*this, indices}); }
  Tensor huber_loss(const Tensor &target, int64_t reduction = 1, double delta = 1.0) const {
    return call<Tensor>("aten::huber_loss", {*this, target, reduction, delta});
  }
  Tensor hypot(const Tensor &other) const { return call<Tensor>("aten::hypot", {*this, other}); }
  Tensor &hypot_(const Tensor &other) & { return assign(call<Tensor>("aten::hypot_", {*this, other})); }
  Tensor i0() const { return call<Tensor>("aten::i0", {*this}); }
  Tensor &i0_() & { return assign(call<Tensor>("aten::i0_", {*this})); }
  Tensor igamma(const Tensor &other) const { return call<Tensor>("aten::igamma", {*this, other}); }
  Tensor &igamma_(const Tensor &other) & { return assign(call<Tensor>("aten::igamma_", {*this, other})); }
  Tensor igammac(const Tensor &other) const { return call<Tensor>("aten::igammac", {*this, other}); }
  Tensor &igammac_(const Tensor &other) & { return assign(call<Tensor>("aten::igammac_", {*this, other})); }
  Tensor im2col(IntList kernel_size, IntList dilation, IntList padding, IntList stride) const {
    return call<Tensor>("aten::im2col", {*this, kernel_size, dilation, padding, stride});
  }
  Tensor imag() const { return call<Tensor>("aten::imag", {*this}); }
  Tensor index_add(int64_t dim, const Tensor &index, const Tensor &source, Scalar alpha = 1) const {
    return call<Tensor>("aten::index_add", {*this, dim, index, source, {"alpha", alpha}});
  }
  Tensor &index_add_(int64_t dim, const Tensor &index, const Tensor &source, Scalar alpha = 1) & {
    return assign(call<Tensor>("aten::index_add_", {*this, dim, index, source, {"alpha", alpha}}));
  }
  Tensor index_copy(int64_t dim, const Tensor &index, const Tensor &source) const {
    return call<Tensor>("aten::index_copy", {*this, dim, index, source});
  }
  Tensor &index_copy_(int64_t dim, const Tensor &index, const Tensor &source) & {
    return assign(call<Tensor>("aten::index_copy_", {*this, dim, index, source}));
  }
  Tensor index_fill(int64_t dim, const Tensor &index, Scalar value) const {
    return call<Tensor>("aten::index_fill.int_Scalar", {*this, dim, index, value});
  }
  Tensor index_fill(int64_t dim, const Tensor &index, const Tensor &value) const {
    return call<Tensor>("aten::index_fill.int_Tensor", {*this, dim, index, value});
  }
  Tensor &index_fill_(int64_t dim, const Tensor &index, Scalar value) & {
    return assign(call<Tensor>("aten::index_fill_.int_Scalar", {*this, dim, index, value}));
  }
  Tensor &index_fill_(int64_t dim, const Tensor &index, const Tensor &value) & {
    return assign(call<Tensor>("aten::index_fill_.int_Tensor", {*this, dim, index, value}));
  }
  Tensor index_reduce(int64_t dim, const Tensor &index, const Tensor &source, const ::std::string &reduce,
      Bool include_self = true) const {
    return call<Tensor>("aten::index_reduce", {*this, dim, index, source, reduce, {"include_self", include_self}});
  }
  Tensor &index_reduce_(int64_t dim, const Tensor &index, const Tensor &source, const ::std::string &reduce,
      Bool include_self = true) & {
    return assign(call<Tensor>("aten::index_reduce_", {*this, dim, index, source, reduce, {"include_self", include_self}}));
  }
  Tensor index_select(int64_t dim, const Tensor &index) const { return call<Tensor>("aten::index_select", {*this, dim, index}); }
  Tensor inner(const Tensor &other) const { return call<Tensor>("aten::inner", {*this, other}); }
  Tensor inverse() const { return call<Tensor>("aten::inverse", {*this}); }
  Tensor isclose(const Tensor &other, double rtol = 1e-05, double atol = 1e-08, Bool equal_nan = false) const {
    return call<Tensor>("aten::isclose", {*this, other, rtol, atol, equal_nan});
  }
  Tensor isfinite() const { return call<Tensor>("aten::isfinite", {*this}); }
  Tensor isinf() const { return call<Tensor>("aten::isinf", {*this}); }
  Tensor isnan() const { return call<Tensor>("aten::isnan", {*this}); }
  Tensor isneginf() const { return call<Tensor>("aten::isneginf", {*this}); }
  Tensor isposinf() const { return call<Tensor>("aten::isposinf", {*this}); }
  Tensor isreal() const { return call<Tensor>("aten::isreal", {*this}); }
  Tensor istft(int64_t n_fft, ::std::optional<int64_t> hop_length = ::std::nullopt,
      ::std::optional<int64_t> win_length = ::std::nullopt, const ::std::optional<Tensor> &window = ::std::nullopt, Bool center = true,
      Bool normalized = false, ::std::optional<Bool> onesided = ::std::nullopt, ::std::optional<int64_t> length = ::std::nullopt,
      Bool return_complex = false) const {
    return call<Tensor>("aten::istft", {*this, n_fft, hop_length, win_length, window, center, normalized, onesided, length,
      return_complex});
  }
  Tensor kron(const Tensor &other) const { return call<Tensor>("aten::kron", {*this, other}); }
  ::std::tuple<Tensor, Tensor> kthvalue(int64_t k, int64_t dim = -1, Bool keepdim = false) const {
    return call<::std::tuple<Tensor, Tensor>>("aten::kthvalue", {*this, k, dim, keepdim});
  }
  Tensor l1_loss(const Tensor &target, int64_t reduction = 1) const {
    return call<Tensor>("aten::l1_loss", {*this, target, reduction});
  }
  Tensor lcm(const Tensor &other) const { return call<Tensor>("aten::lcm", {*this, other}); }
  Tensor &lcm_(const Tensor &other) & { return assign(call<Tensor>("aten::lcm_", {*this, other})); }
  Tensor ldexp(const Tensor &other) const { return call<Tensor>("aten::ldexp.Tensor", {*this, other}); }
  Tensor &ldexp_(const Tensor &other) & { return assign(call<Tensor>("aten::ldexp_", {*this, other})); }
  Tensor le(const Tensor &other) const { return call<Tensor>("aten::le.Tensor", {*this, other}); }
  Tensor le(Scalar other) const { return call<Tensor>("aten::le.Scalar", {*this, other}); }
  Tensor &le_(const Tensor &other) & { return assign(call<Tensor>("aten::le_.Tensor", {*this, other})); }
  Tensor &le_(Scalar other) & { return assign(call<Tensor>("aten::le_.Scalar", {*this, other})); }
  Tensor leaky_relu(Scalar negative_slope = 0.01) const { return call<Tensor>("aten::leaky_relu", {*this, negative_slope}); }
  Tensor &leaky_relu_(Scalar negative_slope = 0.01) & { return assign(call<Tensor>("aten::leaky_relu_", {*this, negative_slope})); }
  Tensor lerp(const Tensor &end, Scalar weight) const { return call<Tensor>("aten::lerp.Scalar", {*this, end, weight}); }
  Tensor lerp(const Tensor &end, const Tensor &weight) const { return call<Tensor>("aten::lerp.Tensor", {*this, end, weight}); }
  Tensor &lerp_(const Tensor &end, Scalar weight) & { return assign(call<Tensor>("aten::lerp_.Scalar", {*this, end, weight})); }
  Tensor &lerp_(const Tensor &end, const Tensor &weight) & {
    return assign(call<Tensor>("aten::lerp_.Tensor", {*this, end, weight}));
  }
  Tensor less(const Tensor &other) const { return call<Tensor>("aten::less.Tensor", {*this, other}); }
  Tensor less(Scalar other) const { return call<Tensor>("aten::less.Scalar", {*this, other}); }
  Tensor &less_(const Tensor &other) & { return assign(call<Tensor>("aten::less_.Tensor", {*this, other})); }
  Tensor &less_(Scalar other) & { return assign(call<Tensor>("aten::less_.Scalar", {*this, other})); }
  Tensor less_equal(const Tensor &other) const { return call<Tensor>("aten::less_equal.Tensor", {*this, other}); }
  Tensor less_equal(Scalar other) const { return call<Tensor>("aten::less_equal.Scalar", {*this, other}); }
  Tensor &less_equal_(const Tensor &other) & { return assign(call<Tensor>("aten::less_equal_.Tensor", {*this, other})); }
  Tensor &less_equal_(Scalar other) & { return assign(call<Tensor>("aten::less_equal_.Scalar", {*this, other})); }
  Tensor lgamma() const { return call<Tensor>("aten::lgamma", {*this}); }
  Tensor &lgamma_() & { return assign(call<Tensor>("aten::lgamma_", {*this})); }
  Tensor linalg_cholesky(Bool upper = false) const { return call<Tensor>("aten::linalg_cholesky", {*this, {"upper", upper}}); }
  ::std::tuple<Tensor, Tensor> linalg_cholesky_ex(Bool upper = false, Bool check_errors = false) const {
    return call<::std::tuple<Tensor, Tensor>>("aten::linalg_cholesky_ex", {*this, {"upper", upper}, {"check_errors", check_errors}});
  }
  Tensor linalg_cond(::std::optional<Scalar> p = ::std::nullopt) const { return call<Tensor>("aten::linalg_cond", {*this, p}); }
  Tensor linalg_cond(const ::std::string &p) const { return call<Tensor>("aten::linalg_cond.p_str", {*this, p}); }
  Tensor linalg_cross(const Tensor &other, int64_t dim = -1) const {
    return call<Tensor>("aten::linalg_cross", {*this, other, {"dim", dim}});
  }
  ::std::tuple<Tensor, Tensor> linalg_eig() const { return call<::std::tuple<Tensor, Tensor>>("aten::linalg_eig", {*this}); }
  ::std::tuple<Tensor, Tensor> linalg_eigh(const ::std::string &UPLO = "L") const {
    return call<::std::tuple<Tensor, Tensor>>("aten::linalg_eigh", {*this, UPLO});
  }
  Tensor linalg_eigvals() const { return call<Tensor>("aten::linalg_eigvals", {*this}); }
  Tensor linalg_eigvalsh(const ::std::string &UPLO = "L") const { return call<Tensor>("aten::linalg_eigvalsh", {*this, UPLO}); }
  ::std::tuple<Tensor, Tensor> linalg_ldl_factor(Bool hermitian = false) const {
    return call<::std::tuple<Tensor, Tensor>>("aten::linalg_ldl_factor", {*this, {"hermitian", hermitian}});
  }
  ::std::tuple<Tensor, Tensor, Tensor> linalg_ldl_factor_ex(Bool hermitian = false, Bool check_errors = false) const {
    return call<::std::tuple<Tensor, Tensor, Tensor>>("aten::linalg_ldl_factor_ex", {*this, {"hermitian", hermitian}, {"check_errors",
      check_errors}});
  }
  ::std::tuple<Tensor, Tensor, Tensor, Tensor> linalg_lstsq(const Tensor &b, ::std::optional<double> rcond = ::std::nullopt,
      const ::std::optional<::std::string> &driver = ::std::nullopt) const {
    return call<::std::tuple<Tensor, Tensor, Tensor, Tensor>>("aten::linalg_lstsq", {*this, b, rcond, {"driver", driver}});
  }
  Tensor linalg_matmul(const Tensor &other) const { return call<Tensor>("aten::linalg_matmul", {*this, other}); }
  Tensor linalg_matrix_exp() const { return call<Tensor>("aten::linalg_matrix_exp", {*this}); }
  Tensor linalg_matrix_norm(Scalar ord, IntList dim = {-2, -1}, Bool keepdim = false,
      ::std::optional<DType> dtype = ::std::nullopt) const {
    return call<Tensor>("aten::linalg_matrix_norm", {*this, ord, dim, keepdim, {"dtype", dtype}});
  }
  Tensor linalg_matrix_norm(const ::std::string &ord = "fro", IntList dim = {-2, -1}, Bool keepdim = false,
      ::std::optional<DType> dtype = ::std::nullopt) const {
    return call<Tensor>("aten::linalg_matrix_norm.str_ord", {*this, ord, dim, keepdim, {"dtype", dtype}});
  }
  Tensor linalg_matrix_power(int64_t n) const { return call<Tensor>("aten::linalg_matrix_power", {*this, n}); }
  Tensor linalg_matrix_rank(::std::optional<double> atol = ::std::nullopt, ::std::optional<double> rtol = ::std::nullopt,
      Bool hermitian = false) const {
    return call<Tensor>("aten::linalg_matrix_rank.atol_rtol_float", {*this, {"atol", atol}, {"rtol", rtol}, {"hermitian",
      hermitian}});
  }
  Tensor linalg_matrix_sqrth() const { return call<Tensor>("aten::linalg_matrix_sqrth", {*this}); }
  Tensor linalg_norm(::std::optional<Scalar> ord = ::std::nullopt, OptionalIntList dim = ::std::nullopt, Bool keepdim = false,
      ::std::optional<DType> dtype = ::std::nullopt) const {
    return call<Tensor>("aten::linalg_norm", {*this, ord, dim, keepdim, {"dtype", dtype}});
  }
  Tensor linalg_norm(const ::std::string &ord, OptionalIntList dim = ::std::nullopt, Bool keepdim = false,
      ::std::optional<DType> dtype = ::std::nullopt) const {
    return call<Tensor>("aten::linalg_norm.ord_str", {*this, ord, dim, keepdim, {"dtype", dtype}});
  }
  Tensor linalg_pinv(const ::std::optional<Tensor> &atol = ::std::nullopt, const ::std::optional<Tensor> &rtol = ::std::nullopt,
      Bool hermitian = false) const {
    return call<Tensor>("aten::linalg_pinv.atol_rtol_tensor", {*this, {"atol", atol}, {"rtol", rtol}, {"hermitian", hermitian}});
  }
  Tensor linalg_pinv(::std::optional<double> atol, ::std::optional<double> rtol = ::std::nullopt, Bool hermitian = false) const {
    return call<Tensor>("aten::linalg_pinv.atol_rtol_float", {*this, {"atol", atol}, {"rtol", rtol}, {"hermitian", hermitian}});
  }
  Tensor linalg_pinv(double rcond, Bool hermitian = false) const {
    return call<Tensor>("aten::linalg_pinv", {*this, rcond, hermitian});
  }
  Tensor linalg_solve_triangular(const Tensor &B, Bool upper, Bool left = true, Bool unitriangular = false) const {
    return call<Tensor>("aten::linalg_solve_triangular", {*this, B, {"upper", upper}, {"left", left}, {"unitriangular",
      unitriangular}});
  }
  Tensor linalg_tensorinv(int64_t ind = 2) const { return call<Tensor>("aten::linalg_tensorinv", {*this, ind}); }
  Tensor linalg_tensorsolve(const Tensor &other, OptionalIntList dims = ::std::nullopt) const {
    return call<Tensor>("aten::linalg_tensorsolve", {*this, other, dims});
  }
  Tensor linalg_vector_norm(Scalar ord = 2, OptionalIntList dim = ::std::nullopt, Bool keepdim = false,
      ::std::optional<DType> dtype = ::std::nullopt) const {
    return call<Tensor>("aten::linalg_vector_norm", {*this, ord, dim, keepdim, {"dtype", dtype}});
  }
  Tensor log() const { return call<Tensor>("aten::log", {*this}); }
  Tensor log10() const { return call<Tensor>("aten::log10", {*this}); }
  Tensor &log10_() & { return assign(call<Tensor>("aten::log10_", {*this})); }
  Tensor log1p() const { return call<Tensor>("aten::log1p", {*this}); }
  Tensor &log1p_() & { return assign(call<Tensor>("aten::log1p_", {*this})); }
  Tensor log2() const { return call<Tensor>("aten::log2", {*this}); }
  Tensor &log2_() & { return assign(call<Tensor>("aten::log2_", {*this})); }
  Tensor &log_() & { return assign(call<Tensor>("aten::log_", {*this})); }
  Tensor &log_normal_(double mean = 1.0, double std = 2.0, const ::std::optional<Generator> &generator = ::std::nullopt) & {
    return assign(call<Tensor>("aten::log_normal_", {*this, mean, std, {"generator", generator}}));
  }
  Tensor log_sigmoid() const { return call<Tensor>("aten::log_sigmoid", {*this}); }
  Tensor log_softmax(int64_t dim, ::std::optional<DType> dtype = ::std::nullopt) const {
    return call<Tensor>("aten::log_softmax.int", {*this, dim, dtype});
  }
  Tensor logaddexp(const Tensor &other) const { return call<Tensor>("aten::logaddexp", {*this, other}); }
  Tensor logaddexp2(const Tensor &other) const { return call<Tensor>("aten::logaddexp2", {*this, other}); }
  Tensor logcumsumexp(int64_t dim) const { return call<Tensor>("aten::logcumsumexp", {*this, dim}); }
  Tensor logdet() const { return call<Tensor>("aten::logdet", {*this}); }
  Tensor logical_and(const Tensor &other) const { return call<Tensor>("aten::logical_and", {*this, other}); }
  Tensor &logical_and_(const Tensor &other) & { return assign(call<Tensor>("aten::logical_and_", {*this, other})); }
  Tensor logical_not() const { return call<Tensor>("aten::logical_not", {*this}); }
  Tensor &logical_not_() & { return assign(call<Tensor>("aten::logical_not_", {*this})); }
  Tensor logical_or(const Tensor &other) const { return call<Tensor>("aten::logical_or", {*this, other}); }
  Tensor &logical_or_(const Tensor &other) & { return assign(call<Tensor>("aten::logical_or_", {*this, other})); }
  Tensor logical_xor(const Tensor &other) const { return call<Tensor>("aten::logical_xor", {*this, other}); }
  Tensor &logical_xor_(const Tensor &other) & { return assign(call<Tensor>("aten::logical_xor_", {*this, other})); }
  Tensor logit(::std::optional<double> eps = ::std::nullopt) const { return call<Tensor>("aten::logit", {*this, eps}); }
  Tensor &logit_(::std::optional<double> eps = ::std::nullopt) & { return assign(call<Tensor>("aten::logit_", {*this, eps})); }
  Tensor logsumexp(IntList dim, Bool keepdim = false) const { return call<Tensor>("aten::logsumexp", {*this, dim, keepdim}); }
  Tensor lt(const Tensor &other) const { return call<Tensor>("aten::lt.Tensor", {*this, other}); }
  Tensor lt(Scalar other) const { return call<Tensor>("aten::lt.Scalar", {*this, other}); }
  Tensor &lt_(const Tensor &other) & { return assign(call<Tensor>("aten::lt_.Tensor", {*this, other})); }
  Tensor &lt_(Scalar other) & { return assign(call<Tensor>("aten::lt_.Scalar", {*this, other})); }
  Tensor lu_solve(const Tensor &LU_data, const Tensor &LU_pivots) const {
    return call<Tensor>("aten::lu_solve", {*this, LU_data, LU_pivots});
  }
  Tensor mH() const { return call<Tensor>("aten::mH", {*this}); }
  Tensor mT() const { return call<Tensor>("aten::mT", {*this}); }
  Tensor masked_fill(const Tensor &mask, Scalar value) const {
    return call<Tensor>("aten::masked_fill.Scalar", {*this, mask, value});
  }
  Tensor masked_fill(const Tensor &mask, const Tensor &value) const {
    return call<Tensor>("aten::masked_fill.Tensor", {*this, mask, value});
  }
  Tensor &masked_fill_(const Tensor &mask, Scalar value) & {
    return assign(call<Tensor>("aten::masked_fill_.Scalar", {*this, mask, value}));
  }
  Tensor &masked_fill_(const Tensor &mask, const Tensor &value) & {
    return assign(call<Tensor>("aten::masked_fill_.Tensor", {*this, mask, value}));
  }
  Tensor masked_scatter(const Tensor &mask, const Tensor &source) const {
    return call<Tensor>("aten::masked_scatter", {*this, mask, source});
  }
  Tensor &masked_scatter_(const Tensor &mask, const Tensor &source) & {
    return assign(call<Tensor>("aten::masked_scatter_", {*this, mask, source}));
  }
  Tensor masked_select(const Tensor &mask) const { return call<Tensor>("aten::masked_select", {*this, mask}); }
  Tensor matmul(const Tensor &other) const { return call<Tensor>("aten::matmul", {*this, other}); }
  Tensor matrix_H() const { return call<Tensor>("aten::matrix_H", {*this}); }
  Tensor matrix_exp() const { return call<Tensor>("aten::matrix_exp", {*this}); }
  Tensor matrix_power(int64_t n) const { return call<Tensor>("aten::matrix_power", {*this, n}); }
  Tensor max() const { return call<Tensor>("aten::max", {*this}); }
  Tensor max(const Tensor &other) const { return call<Tensor>("aten::max.other", {*this, other}); }
  ::std::tuple<Tensor, Tensor> max(int64_t dim, Bool keepdim = false) const {
    return call<::std::tuple<Tensor, Tensor>>("aten::max.dim", {*this, dim, keepdim});
  }
  ::std::tuple<Tensor, Tensor> max_pool1d_with_indices(IntList kernel_size, IntList stride = {}, IntList padding = 0,
      IntList dilation = 1, Bool ceil_mode = false) const {
    return call<::std::tuple<Tensor, Tensor>>("aten::max_pool1d_with_indices", {*this, kernel_size, stride, padding, dilation,
      ceil_mode});
  }
  ::std::tuple<Tensor, Tensor> max_pool2d_with_indices(IntList kernel_size, IntList stride = {}, IntList padding = 0,
      IntList dilation = 1, Bool ceil_mode = false) const {
    return call<::std::tuple<Tensor, Tensor>>("aten::max_pool2d_with_indices", {*this, kernel_size, stride, padding, dilation,
      ceil_mode});
  }
  ::std::tuple<Tensor, Tensor> max_pool3d_with_indices(IntList kernel_size, IntList stride = {}, IntList padding = 0,
      IntList dilation = 1, Bool ceil_mode = false) const {
    return call<::std::tuple<Tensor, Tensor>>("aten::max_pool3d_with_indices", {*this, kernel_size, stride, padding, dilation,
      ceil_mode});
  }
  Tensor maximum(const Tensor &other) const { return call<Tensor>("aten::maximum", {*this, other}); }
  Tensor mean(::std::optional<DType> dtype = ::std::nullopt) const { return call<Tensor>("aten::mean", {*this, {"dtype", dtype}}); }
  Tensor mean(OptionalIntList dim, Bool keepdim = false, ::std::optional<DType> dtype = ::std::nullopt) const {
    return call<Tensor>("aten::mean.dim", {*this, dim, keepdim, {"dtype", dtype}});
  }
  Tensor median() const { return call<Tensor>("aten::median", {*this}); }
  ::std::tuple<Tensor, Tensor> median(int64_t dim, Bool keepdim = false) const {
    return call<::std::tuple<Tensor, Tensor>>("aten::median.dim", {*this, dim, keepdim});
  }
  Tensor min() const { return call<Tensor>("aten::min", {*this}); }
  Tensor min(const Tensor &other) const { return call<Tensor>("aten::min.other", {*this, other}); }
  ::std::tuple<Tensor, Tensor> min(int64_t dim, Bool keepdim = false) const {
    return call<::std::tuple<Tensor, Tensor>>("aten::min.dim", {*this, dim, keepdim});
  }
  Tensor minimum(const Tensor &other) const { return call<Tensor>("aten::minimum", {*this, other}); }
  Tensor mish() const { return call<Tensor>("aten::mish", {*this}); }
  Tensor &mish_() & { return assign(call<Tensor>("aten::mish_", {*this})); }
  Tensor mm(const Tensor &mat2) const { return call<Tensor>("aten::mm", {*this, mat2}); }
  ::std::tuple<Tensor, Tensor> mode(int64_t dim = -1, Bool keepdim = false) const {
    return call<::std::tuple<Tensor, Tensor>>("aten::mode", {*this, dim, keepdim});
  }
  Tensor moveaxis(int64_t source, int64_t destination) const {
    return call<Tensor>("aten::moveaxis.int", {*this, source, destination});
  }
  Tensor moveaxis(IntList source, IntList destination) const {
    return call<Tensor>("aten::moveaxis.intlist", {*this, source, destination});
  }
  Tensor movedim(int64_t source, int64_t destination) const {
    return call<Tensor>("aten::movedim.int", {*this, source, destination});
  }
  Tensor movedim(IntList source, IntList destination) const {
    return call<Tensor>("aten::movedim.intlist", {*this, source, destination});
  }
  Tensor mse_loss(const Tensor &target, int64_t reduction = 1) const {
    return call<Tensor>("aten::mse_loss", {*this, target, reduction});
  }
  Tensor msort() const { return call<Tensor>("aten::msort", {*this}); }
  Tensor mul(const Tensor &other) const { return call<Tensor>("aten::mul.Tensor", {*this, other}); }
  Tensor mul(Scalar other) const { return call<Tensor>("aten::mul.Scalar", {*this, other}); }
  Tensor &mul_(const Tensor &other) & { return assign(call<Tensor>("aten::mul_.Tensor", {*this, other})); }
  Tensor &mul_(Scalar other) & { return assign(call<Tensor>("aten::mul_.Scalar", {*this, other})); }
  Tensor multinomial(int64_t num_samples, Bool replacement = false,
      const ::std::optional<Generator> &generator = ::std::nullopt) const {
    return call<Tensor>("aten::multinomial", {*this, num_samples, replacement, {"generator", generator}});
  }
  Tensor multiply(const Tensor &other) const { return call<Tensor>("aten::multiply.Tensor", {*this, other}); }
  Tensor multiply(Scalar other) const { return call<Tensor>("aten::multiply.Scalar", {*this, other}); }
  Tensor &multiply_(const Tensor &other) & { return assign(call<Tensor>("aten::multiply_.Tensor", {*this, other})); }
  Tensor &multiply_(Scalar other) & { return assign(call<Tensor>("aten::multiply_.Scalar", {*this, other})); }
  Tensor mv(const Tensor &vec) const { return call<Tensor>("aten::mv", {*this, vec}); }
  Tensor mvlgamma(int64_t p) const { return call<Tensor>("aten::mvlgamma", {*this, p}); }
  Tensor &mvlgamma_(int64_t p) & { return assign(call<Tensor>("aten::mvlgamma_", {*this, p})); }
  Tensor nan_to_num(::std::optional<double> nan = ::std::nullopt, ::std::optional<double> posinf = ::std::nullopt,
      ::std::optional<double> neginf = ::std::nullopt) const {
    return call<Tensor>("aten::nan_to_num", {*this, nan, posinf, neginf});
  }
  Tensor &nan_to_num_(::std::optional<double> nan = ::std::nullopt, ::std::optional<double> posinf = ::std::nullopt,
      ::std::optional<double> neginf = ::std::nullopt) & {
    return assign(call<Tensor>("aten::nan_to_num_", {*this, nan, posinf, neginf}));
  }
  Tensor nanmean(OptionalIntList dim = ::std::nullopt, Bool keepdim = false, ::std::optional<DType> dtype = ::std::nullopt) const {
    return call<Tensor>("aten::nanmean", {*this, dim, keepdim, {"dtype", dtype}});
  }
  Tensor nanmedian() const { return call<Tensor>("aten::nanmedian", {*this}); }
  ::std::tuple<Tensor, Tensor> nanmedian(int64_t dim, Bool keepdim = false) const {
    return call<::std::tuple<Tensor, Tensor>>("aten::nanmedian.dim", {*this, dim, keepdim});
  }
  Tensor nanquantile(const Tensor &q, ::std::optional<int64_t> dim = ::std::nullopt, Bool keepdim = false,
      const ::std::string &interpolation = "linear") const {
    return call<Tensor>("aten::nanquantile", {*this, q, dim, keepdim, {"interpolation", interpolation}});
  }
  Tensor nanquantile(double q, ::std::optional<int64_t> dim = ::std::nullopt, Bool keepdim = false,
      const ::std::string &interpolation = "linear") const {
    return call<Tensor>("aten::nanquantile.scalar", {*this, q, dim, keepdim, {"interpolation", interpolation}});
  }
  Tensor nansum(OptionalIntList dim = ::std::nullopt, Bool keepdim = false, ::std::optional<DType> dtype = ::std::nullopt) const {
    return call<Tensor>("aten::nansum", {*this, dim, keepdim, {"dtype", dtype}});
  }
  Tensor narrow(int64_t dim, int64_t start, int64_t length) const {
    return call<Tensor>("aten::narrow", {*this, dim, start, length});
  }
  Tensor narrow(int64_t dim, const Tensor &start, int64_t length) const {
    return call<Tensor>("aten::narrow.Tensor", {*this, dim, start, length});
  }
  Tensor narrow_copy(int64_t dim, int64_t start, int64_t length) const {
    return call<Tensor>("aten::narrow_copy", {*this, dim, start, length});
  }
  Tensor ne(const Tensor &other) const { return call<Tensor>("aten::ne.Tensor", {*this, other}); }
  Tensor ne(Scalar other) const { return call<Tensor>("aten::ne.Scalar", {*this, other}); }
  Tensor &ne_(const Tensor &other) & { return assign(call<Tensor>("aten::ne_.Tensor", {*this, other})); }
  Tensor &ne_(Scalar other) & { return assign(call<Tensor>("aten::ne_.Scalar", {*this, other})); }
  Tensor neg() const { return call<Tensor>("aten::neg", {*this}); }
  Tensor &neg_() & { return assign(call<Tensor>("aten::neg_", {*this})); }
  Tensor negative() const { return call<Tensor>("aten::negative", {*this}); }
  Tensor &negative_() & { return assign(call<Tensor>("aten::negative_", {*this})); }
  Tensor new_empty(IntList size, const TensorOptions &options = {}) const {
    return call<Tensor>("aten::new_empty", {*this, size, {"dtype", options.dtype_opt()}, {"device", options.device_opt()},
      {"requires_grad", options.requires_grad()}});
  }
  Tensor new_empty_strided(IntList size, IntList stride, const TensorOptions &options = {}) const {
    return call<Tensor>("aten::new_empty_strided", {*this, size, stride, {"dtype", options.dtype_opt()}, {"device",
      options.device_opt()}, {"requires_grad", options.requires_grad()}});
  }
  Tensor new_full(IntList size, Scalar fill_value, const TensorOptions &options = {}) const {
    return call<Tensor>("aten::new_full", {*this, size, fill_value, {"dtype", options.dtype_opt()}, {"device", options.device_opt()},
      {"requires_grad", options.requires_grad()}});
  }
  Tensor new_ones(IntList size, const TensorOptions &options = {}) const {
    return call<Tensor>("aten::new_ones", {*this, size, {"dtype", options.dtype_opt()}, {"device", options.device_opt()},
      {"requires_grad", options.requires_grad()}});
  }
  Tensor new_zeros(IntList size, const TensorOptions &options = {}) const {
    return call<Tensor>("aten::new_zeros", {*this, size, {"dtype", options.dtype_opt()}, {"device", options.device_opt()},
      {"requires_grad", options.requires_grad()}});
  }
  Tensor nextafter(const Tensor &other) const { return call<Tensor>("aten::nextafter", {*this, other}); }
  Tensor &nextafter_(const Tensor &other) & { return assign(call<Tensor>("aten::nextafter_", {*this, other})); }
  Tensor nonzero() const { return call<Tensor>("aten::nonzero", {*this}); }
  ::std::vector<Tensor> nonzero_numpy() const { return call<::std::vector<Tensor>>("aten::nonzero_numpy", {*this}); }
  Tensor nonzero_static(int64_t size, int64_t fill_value = -1) const {
    return call<Tensor>("aten::nonzero_static", {*this, {"size", size}, {"fill_value", fill_value}});
  }
  Tensor norm(Scalar p = 2) const { return call<Tensor>("aten::norm.Scalar", {*this, p}); }
  Tensor norm(::std::optional<Scalar> p, DType dtype) const {
    return call<Tensor>("aten::norm.ScalarOpt_dtype", {*this, p, {"dtype", dtype}});
  }
  Tensor norm(::std::optional<Scalar> p, IntList dim, Bool keepdim = false) const {
    return call<Tensor>("aten::norm.ScalarOpt_dim", {*this, p, dim, keepdim});
  }
  Tensor norm(::std::optional<Scalar> p, IntList dim, Bool keepdim, DType dtype) const {
    return call<Tensor>("aten::norm.ScalarOpt_dim_dtype", {*this, p, dim, keepdim, {"dtype", dtype}});
  }
  Tensor &normal_(double mean = 0.0, double std = 1.0, const ::std::optional<Generator> &generator = ::std::nullopt) & {
    return assign(call<Tensor>("aten::normal_", {*this, mean, std, {"generator", generator}}));
  }
  Tensor not_equal(const Tensor &other) const { return call<Tensor>("aten::not_equal.Tensor", {*this, other}); }
  Tensor not_equal(Scalar other) const { return call<Tensor>("aten::not_equal.Scalar", {*this, other}); }
  Tensor &not_equal_(const Tensor &other) & { return assign(call<Tensor>("aten::not_equal_.Tensor", {*this, other})); }
  Tensor &not_equal_(Scalar other) & { return assign(call<Tensor>("aten::not_equal_.Scalar", {*this, other})); }
  Tensor numpy_T() const { return call<Tensor>("aten::numpy_T", {*this}); }
  Tensor one_hot(int64_t num_classes = -1) const { return call<Tensor>("aten::one_hot", {*this, num_classes}); }
  Tensor ones_like(const TensorOptions &options = {}) const {
    return call<Tensor>("aten::ones_like", {*this, {"dtype", options.dtype_opt()}, {"device", options.device_opt()}, {"requires_grad",
      options.requires_grad()}});
  }
  Tensor orgqr(const Tensor &input2) const { return call<Tensor>("aten::orgqr", {*this, input2}); }
  Tensor ormqr(const Tensor &input2, const Tensor &input3, Bool left = true, Bool transpose = false) const {
    return call<Tensor>("aten::ormqr", {*this, input2, input3, left, transpose});
  }
  Tensor outer(const Tensor &vec2) const { return call<Tensor>("aten::outer", {*this, vec2}); }
  Tensor pdist(double p = 2.0) const { return call<Tensor>("aten::pdist", {*this, p}); }
  Tensor permute(IntList dims) const { return call<Tensor>("aten::permute", {*this, dims}); }
  Tensor permute_copy(IntList dims) const { return call<Tensor>("aten::permute_copy", {*this, dims}); }
  Tensor pinverse(double rcond = 1e-15) const { return call<Tensor>("aten::pinverse", {*this, rcond}); }
  Tensor pixel_shuffle(int64_t upscale_factor) const { return call<Tensor>("aten::pixel_shuffle", {*this, upscale_factor}); }
  Tensor pixel_unshuffle(int64_t downscale_factor) const { return call<Tensor>("aten::pixel_unshuffle", {*this, downscale_factor}); }
  Tensor positive() const { return call<Tensor>("aten::positive", {*this}); }
  Tensor pow(const Tensor &exponent) const { return call<Tensor>("aten::pow.Tensor_Tensor", {*this, exponent}); }
  Tensor pow(Scalar exponent) const { return call<Tensor>("aten::pow.Tensor_Scalar", {*this, exponent}); }
  Tensor &pow_(const Tensor &exponent) & { return assign(call<Tensor>("aten::pow_.Tensor", {*this, exponent})); }
  Tensor &pow_(Scalar exponent) & { return assign(call<Tensor>("aten::pow_.Scalar", {*this, exponent})); }
  Tensor prelu(const Tensor &weight) const { return call<Tensor>("aten::prelu", {*this, weight}); }
  Tensor prod(::std::optional<DType> dtype = ::std::nullopt) const { return call<Tensor>("aten::prod", {*this, {"dtype", dtype}}); }
  Tensor prod(int64_t dim, Bool keepdim = false, ::std::optional<DType> dtype = ::std::nullopt) const {
    return call<Tensor>("aten::prod.dim_int", {*this, dim, keepdim, {"dtype", dtype}});
  }
  Tensor put(const Tensor &index, const Tensor &source, Bool accumulate = false) const {
    return call<Tensor>("aten::put", {*this, index, source, accumulate});
  }
  Tensor &put_(const Tensor &index, const Tensor &source, Bool accumulate = false) & {
    return assign(call<Tensor>("aten::put_", {*this, index, source, accumulate}));
  }
  ::std::tuple<Tensor, Tensor> qr(Bool some = true) const { return call<::std::tuple<Tensor, Tensor>>("aten::qr", {*this, some}); }
  Tensor quantile(const Tensor &q, ::std::optional<int64_t> dim = ::std::nullopt, Bool keepdim = false,
      const ::std::string &interpolation = "linear") const {
    return call<Tensor>("aten::quantile", {*this, q, dim, keepdim, {"interpolation", interpolation}});
  }
  Tensor quantile(double q, ::std::optional<int64_t> dim = ::std::nullopt, Bool keepdim = false,
      const ::std::string &interpolation = "linear") const {
    return call<Tensor>("aten::quantile.scalar", {*this, q, dim, keepdim, {"interpolation", interpolation}});
  }
  Tensor rad2deg() const { return call<Tensor>("aten::rad2deg", {*this}); }
  Tensor &rad2deg_() & { return assign(call<Tensor>("aten::rad2deg_", {*this})); }
  Tensor rand_like(const TensorOptions &options = {}) const {
    return call<Tensor>("aten::rand_like", {*this, {"dtype", options.dtype_opt()}, {"device", options.device_opt()}, {"requires_grad",
      options.requires_grad()}});
  }
  Tensor randint_like(int64_t high, const TensorOptions &options = {}) const {
    return call<Tensor>("aten::randint_like", {*this, high, {"dtype", options.dtype_opt()}, {"device", options.device_opt()}});
  }
  Tensor randint_like(int64_t low, int64_t high, const TensorOptions &options = {}) const {
    return call<Tensor>("aten::randint_like.low_dtype", {*this, low, high, {"dtype", options.dtype_opt()}, {"device",
      options.device_opt()}});
  }
  Tensor randn_like(const TensorOptions &options = {}) const {
    return call<Tensor>("aten::randn_like", {*this, {"dtype", options.dtype_opt()}, {"device", options.device_opt()}, {"requires_grad",
      options.requires_grad()}});
  }
  Tensor ravel() const { return call<Tensor>("aten::ravel", {*this}); }
  Tensor real() const { return call<Tensor>("aten::real", {*this}); }
  Tensor reciprocal() const { return call<Tensor>("aten::reciprocal", {*this}); }
  Tensor &reciprocal_() & { return assign(call<Tensor>("aten::reciprocal_", {*this})); }
  Tensor reflection_pad1d(IntList padding) const { return call<Tensor>("aten::reflection_pad1d", {*this, padding}); }
  Tensor reflection_pad2d(IntList padding) const { return call<Tensor>("aten::reflection_pad2d", {*this, padding}); }
  Tensor reflection_pad3d(IntList padding) const { return call<Tensor>("aten::reflection_pad3d", {*this, padding}); }
  Tensor remainder(const Tensor &other) const { return call<Tensor>("aten::remainder.Tensor", {*this, other}); }
  Tensor remainder(Scalar other) const { return call<Tensor>("aten::remainder.Scalar", {*this, other}); }
  Tensor &remainder_(const Tensor &other) & { return assign(call<Tensor>("aten::remainder_.Tensor", {*this, other})); }
  Tensor &remainder_(Scalar other) & { return assign(call<Tensor>("aten::remainder_.Scalar", {*this, other})); }
  Tensor renorm(Scalar p, int64_t dim, Scalar maxnorm) const { return call<Tensor>("aten::renorm", {*this, p, dim, maxnorm}); }
  Tensor &renorm_(Scalar p, int64_t dim, Scalar maxnorm) & { return assign(call<Tensor>("aten::renorm_", {*this, p, dim, maxnorm})); }
  Tensor repeat(IntList repeats) const { return call<Tensor>("aten::repeat", {*this, repeats}); }
  Tensor repeat_interleave(int64_t repeats, ::std::optional<int64_t> dim = ::std::nullopt,
      ::std::optional<int64_t> output_size = ::std::nullopt) const {
    return call<Tensor>("aten::repeat_interleave.self_int", {*this, repeats, dim, {"output_size", output_size}});
  }
  Tensor repeat_interleave(const Tensor &repeats, ::std::optional<int64_t> dim = ::std::nullopt,
      ::std::optional<int64_t> output_size = ::std::nullopt) const {
    return call<Tensor>("aten::repeat_interleave.self_Tensor", {*this, repeats, dim, {"output_size", output_size}});
  }
  Tensor replication_pad1d(IntList padding) const { return call<Tensor>("aten::replication_pad1d", {*this, padding}); }
  Tensor replication_pad2d(IntList padding) const { return call<Tensor>("aten::replication_pad2d", {*this, padding}); }
  Tensor replication_pad3d(IntList padding) const { return call<Tensor>("aten::replication_pad3d", {*this, padding}); }
  Tensor reshape(IntList shape) const { return call<Tensor>("aten::reshape", {*this, shape}); }
  Tensor reshape_as(const Tensor &other) const { return call<Tensor>("aten::reshape_as", {*this, other}); }
  Tensor &resize_(IntList size) & { return assign(call<Tensor>("aten::resize_", {*this, size})); }
  Tensor &resize_as_(const Tensor &the_template) & { return assign(call<Tensor>("aten::resize_as_", {*this, the_template})); }
  Tensor resolve_conj() const { return call<Tensor>("aten::resolve_conj", {*this}); }
  Tensor resolve_neg() const { return call<Tensor>("aten::resolve_neg", {*this}); }
  Tensor roll(IntList shifts, IntList dims = {}) const { return call<Tensor>("aten::roll", {*this, shifts, dims}); }
  Tensor rot90(int64_t k = 1, IntList dims = {0, 1}) const { return call<Tensor>("aten::rot90", {*this, k, dims}); }
  Tensor round() const { return call<Tensor>("aten::round", {*this}); }
  Tensor round(int64_t decimals) const { return call<Tensor>("aten::round.decimals", {*this, {"decimals", decimals}}); }
  Tensor &round_() & { return assign(call<Tensor>("aten::round_", {*this})); }
  Tensor &round_(int64_t decimals) & { return assign(call<Tensor>("aten::round_.decimals", {*this, {"decimals", decimals}})); }
  Tensor rsqrt() const { return call<Tensor>("aten::rsqrt", {*this}); }
  Tensor &rsqrt_() & { return assign(call<Tensor>("aten::rsqrt_", {*this})); }
  Tensor rsub(const Tensor &other, Scalar alpha = 1) const {
    return call<Tensor>("aten::rsub.Tensor", {*this, other, {"alpha", alpha}});
  }
  Tensor rsub(Scalar other, Scalar alpha = 1) const { return call<Tensor>("aten::rsub.Scalar", {*this, other, alpha}); }
  Tensor scatter(int64_t dim, const Tensor &index, const Tensor &src) const {
    return call<Tensor>("aten::scatter.src", {*this, dim, index, src});
  }
  Tensor scatter(int64_t dim, const Tensor &index, Scalar value) const {
    return call<Tensor>("aten::scatter.value", {*this, dim, index, value});
  }
  Tensor scatter(int64_t dim, const Tensor &index, const Tensor &src, const ::std::string &reduce) const {
    return call<Tensor>("aten::scatter.reduce", {*this, dim, index, src, {"reduce", reduce}});
  }
  Tensor scatter(int64_t dim, const Tensor &index, Scalar value, const ::std::string &reduce) const {
    return call<Tensor>("aten::scatter.value_reduce", {*this, dim, index, value, {"reduce", reduce}});
  }
  Tensor &scatter_(int64_t dim, const Tensor &index, const Tensor &src) & {
    return assign(call<Tensor>("aten::scatter_.src", {*this, dim, index, src}));
  }
  Tensor &scatter_(int64_t dim, const Tensor &index, Scalar value) & {
    return assign(call<Tensor>("aten::scatter_.value", {*this, dim, index, value}));
  }
  Tensor &scatter_(int64_t dim, const Tensor &index, const Tensor &src, const ::std::string &reduce) & {
    return assign(call<Tensor>("aten::scatter_.reduce", {*this, dim, index, src, {"reduce", reduce}}));
  }
  Tensor &scatter_(int64_t dim, const Tensor &index, Scalar value, const ::std::string &reduce) & {
    return assign(call<Tensor>("aten::scatter_.value_reduce", {*this, dim, index, value, {"reduce", reduce}}));
  }
  Tensor scatter_add(int64_t dim, const Tensor &index, const Tensor &src) const {
    return call<Tensor>("aten::scatter_add", {*this, dim, index, src});
  }
  Tensor &scatter_add_(int64_t dim, const Tensor &index, const Tensor &src) & {
    return assign(call<Tensor>("aten::scatter_add_", {*this, dim, index, src}));
  }
  Tensor scatter_reduce(int64_t dim, const Tensor &index, const Tensor &src, const ::std::string &reduce,
      Bool include_self = true) const {
    return call<Tensor>("aten::scatter_reduce.two", {*this, dim, index, src, reduce, {"include_self", include_self}});
  }
  Tensor &scatter_reduce_(int64_t dim, const Tensor &index, const Tensor &src, const ::std::string &reduce,
      Bool include_self = true) & {
    return assign(call<Tensor>("aten::scatter_reduce_.two", {*this, dim, index, src, reduce, {"include_self", include_self}}));
  }
  Tensor select(int64_t dim, int64_t index) const { return call<Tensor>("aten::select.int", {*this, dim, index}); }
  Tensor select_copy(int64_t dim, int64_t index) const { return call<Tensor>("aten::select_copy.int", {*this, dim, index}); }
  Tensor select_scatter(const Tensor &src, int64_t dim, int64_t index) const {
    return call<Tensor>("aten::select_scatter", {*this, src, dim, index});
  }
  Tensor selu() const { return call<Tensor>("aten::selu", {*this}); }
  Tensor &selu_() & { return assign(call<Tensor>("aten::selu_", {*this})); }
  Tensor sgn() const { return call<Tensor>("aten::sgn", {*this}); }
  Tensor &sgn_() & { return assign(call<Tensor>("aten::sgn_", {*this})); }
  Tensor sigmoid() const { return call<Tensor>("aten::sigmoid", {*this}); }
  Tensor &sigmoid_() & { return assign(call<Tensor>("aten::sigmoid_", {*this})); }
  Tensor sign() const { return call<Tensor>("aten::sign", {*this}); }
  Tensor &sign_() & { return assign(call<Tensor>("aten::sign_", {*this})); }
  Tensor signbit() const { return call<Tensor>("aten::signbit", {*this}); }
  Tensor silu() const { return call<Tensor>("aten::silu", {*this}); }
  Tensor &silu_() & { return assign(call<Tensor>("aten::silu_", {*this})); }
  Tensor sin() const { return call<Tensor>("aten::sin", {*this}); }
  Tensor &sin_() & { return assign(call<Tensor>("aten::sin_", {*this})); }
  Tensor sinc() const { return call<Tensor>("aten::sinc", {*this}); }
  Tensor &sinc_() & { return assign(call<Tensor>("aten::sinc_", {*this})); }
  Tensor sinh() const { return call<Tensor>("aten::sinh", {*this}); }
  Tensor &sinh_() & { return assign(call<Tensor>("aten::sinh_", {*this})); }
  Tensor slice(int64_t dim = 0, ::std::optional<int64_t> start = ::std::nullopt, ::std::optional<int64_t> end = ::std::nullopt,
      int64_t step = 1) const {
    return call<Tensor>("aten::slice.Tensor", {*this, dim, start, end, step});
  }
  Tensor slice_copy(int64_t dim = 0, ::std::optional<int64_t> start = ::std::nullopt, ::std::optional<int64_t> end = ::std::nullopt,
      int64_t step = 1) const {
    return call<Tensor>("aten::slice_copy.Tensor", {*this, dim, start, end, step});
  }
  Tensor slice_scatter(const Tensor &src, int64_t dim = 0, ::std::optional<int64_t> start = ::std::nullopt,
      ::std::optional<int64_t> end = ::std::nullopt, int64_t step = 1) const {
    return call<Tensor>("aten::slice_scatter", {*this, src, dim, start, end, step});
  }
  ::std::tuple<Tensor, Tensor> slogdet() const { return call<::std::tuple<Tensor, Tensor>>("aten::slogdet", {*this}); }
  Tensor smooth_l1_loss(const Tensor &target, int64_t reduction = 1, double beta = 1.0) const {
    return call<Tensor>("aten::smooth_l1_loss", {*this, target, reduction, beta});
  }
  Tensor softmax(int64_t dim, ::std::optional<DType> dtype = ::std::nullopt) const {
    return call<Tensor>("aten::softmax.int", {*this, dim, dtype});
  }
  Tensor softplus(Scalar beta = 1, Scalar threshold = 20) const { return call<Tensor>("aten::softplus", {*this, beta, threshold}); }
  Tensor softshrink(Scalar lambd = 0.5) const { return call<Tensor>("aten::softshrink", {*this, lambd}); }
  ::std::tuple<Tensor, Tensor> sort(int64_t dim = -1, Bool descending = false) const {
    return call<::std::tuple<Tensor, Tensor>>("aten::sort", {*this, dim, descending});
  }
  ::std::tuple<Tensor, Tensor> sort(::std::optional<Bool> stable, int64_t dim = -1, Bool descending = false) const {
    return call<::std::tuple<Tensor, Tensor>>("aten::sort.stable", {*this, {"stable", stable}, {"dim", dim}, {"descending",
      descending}});
  }
  Tensor sparse_sampled_addmm(const Tensor &mat1, const Tensor &mat2, Scalar beta = 1, Scalar alpha = 1) const {
    return call<Tensor>("aten::sparse_sampled_addmm", {*this, mat1, mat2, {"beta", beta}, {"alpha", alpha}});
  }
  Tensor special_bessel_j0() const { return call<Tensor>("aten::special_bessel_j0", {*this}); }
  Tensor special_bessel_j1() const { return call<Tensor>("aten::special_bessel_j1", {*this}); }
  Tensor special_bessel_y0() const { return call<Tensor>("aten::special_bessel_y0", {*this}); }
  Tensor special_bessel_y1() const { return call<Tensor>("aten::special_bessel_y1", {*this}); }
  Tensor special_digamma() const { return call<Tensor>("aten::special_digamma", {*this}); }
  Tensor special_entr() const { return call<Tensor>("aten::special_entr", {*this}); }
  Tensor special_erf() const { return call<Tensor>("aten::special_erf", {*this}); }
  Tensor special_erfc() const { return call<Tensor>("aten::special_erfc", {*this}); }
  Tensor special_erfcx() const { return call<Tensor>("aten::special_erfcx", {*this}); }
  Tensor special_erfinv() const { return call<Tensor>("aten::special_erfinv", {*this}); }
  Tensor special_exp2() const { return call<Tensor>("aten::special_exp2", {*this}); }
  Tensor special_expit() const { return call<Tensor>("aten::special_expit", {*this}); }
  Tensor special_expm1() const { return call<Tensor>("aten::special_expm1", {*this}); }
  Tensor special_gammainc(const Tensor &other) const { return call<Tensor>("aten::special_gammainc", {*this, other}); }
  Tensor special_gammaincc(const Tensor &other) const { return call<Tensor>("aten::special_gammaincc", {*this, other}); }
  Tensor special_gammaln() const { return call<Tensor>("aten::special_gammaln", {*this}); }
  Tensor special_i0() const { return call<Tensor>("aten::special_i0", {*this}); }
  Tensor special_i0e() const { return call<Tensor>("aten::special_i0e", {*this}); }
  Tensor special_i1() const { return call<Tensor>("aten::special_i1", {*this}); }
  Tensor special_i1e() const { return call<Tensor>("aten::special_i1e", {*this}); }
  Tensor special_log1p() const { return call<Tensor>("aten::special_log1p", {*this}); }
  Tensor special_log_ndtr() const { return call<Tensor>("aten::special_log_ndtr", {*this}); }
  Tensor special_log_softmax(int64_t dim, ::std::optional<DType> dtype = ::std::nullopt) const {
    return call<Tensor>("aten::special_log_softmax.int", {*this, dim, dtype});
  }
  Tensor special_logit(::std::optional<double> eps = ::std::nullopt) const {
    return call<Tensor>("aten::special_logit", {*this, eps});
  }
  Tensor special_logsumexp(IntList dim, Bool keepdim = false) const {
    return call<Tensor>("aten::special_logsumexp", {*this, dim, keepdim});
  }
  Tensor special_modified_bessel_i0() const { return call<Tensor>("aten::special_modified_bessel_i0", {*this}); }
  Tensor special_modified_bessel_i1() const { return call<Tensor>("aten::special_modified_bessel_i1", {*this}); }
  Tensor special_modified_bessel_k0() const { return call<Tensor>("aten::special_modified_bessel_k0", {*this}); }
  Tensor special_modified_bessel_k1() const { return call<Tensor>("aten::special_modified_bessel_k1", {*this}); }
  Tensor special_multigammaln(int64_t p) const { return call<Tensor>("aten::special_multigammaln", {*this, p}); }
  Tensor special_ndtr() const { return call<Tensor>("aten::special_ndtr", {*this}); }
  Tensor special_ndtri() const { return call<Tensor>("aten::special_ndtri", {*this}); }
  Tensor special_psi() const { return call<Tensor>("aten::special_psi", {*this}); }
  Tensor special_round() const { return call<Tensor>("aten::special_round", {*this}); }
  Tensor special_round(int64_t decimals) const {
    return call<Tensor>("aten::special_round.decimals", {*this, {"decimals", decimals}});
  }
  Tensor special_sinc() const { return call<Tensor>("aten::special_sinc", {*this}); }
  Tensor special_softmax(int64_t dim, ::std::optional<DType> dtype = ::std::nullopt) const {
    return call<Tensor>("aten::special_softmax.int", {*this, dim, dtype});
  }
  Tensor special_xlog1py(const Tensor &other) const { return call<Tensor>("aten::special_xlog1py", {*this, other}); }
  Tensor special_xlog1py(Scalar other) const { return call<Tensor>("aten::special_xlog1py.other_scalar", {*this, other}); }
  Tensor special_xlogy(const Tensor &other) const { return call<Tensor>("aten::special_xlogy", {*this, other}); }
  Tensor special_xlogy(Scalar other) const { return call<Tensor>("aten::special_xlogy.other_scalar", {*this, other}); }
  Tensor special_zeta(const Tensor &other) const { return call<Tensor>("aten::special_zeta", {*this, other}); }
  Tensor special_zeta(Scalar other) const { return call<Tensor>("aten::special_zeta.other_scalar", {*this, other}); }
  ::std::vector<Tensor> split(int64_t split_size, int64_t dim = 0) const {
    return call<::std::vector<Tensor>>("aten::split.Tensor", {*this, split_size, dim});
  }
  ::std::vector<Tensor> split(IntList split_size, int64_t dim = 0) const {
    return call<::std::vector<Tensor>>("aten::split.sizes", {*this, split_size, dim});
  }
  ::std::vector<Tensor> split_with_sizes(IntList split_sizes, int64_t dim = 0) const {
    return call<::std::vector<Tensor>>("aten::split_with_sizes", {*this, split_sizes, dim});
  }
  ::std::vector<Tensor> split_with_sizes_copy(IntList split_sizes, int64_t dim = 0) const {
    return call<::std::vector<Tensor>>("aten::split_with_sizes_copy", {*this, split_sizes, dim});
  }
  Tensor sqrt() const { return call<Tensor>("aten::sqrt", {*this}); }
  Tensor &sqrt_() & { return assign(call<Tensor>("aten::sqrt_", {*this})); }
  Tensor square() const { return call<Tensor>("aten::square", {*this}); }
  Tensor &square_() & { return assign(call<Tensor>("aten::square_", {*this})); }
  Tensor squeeze() const { return call<Tensor>("aten::squeeze", {*this}); }
  Tensor squeeze(int64_t dim) const { return call<Tensor>("aten::squeeze.dim", {*this, dim}); }
  Tensor squeeze(IntList dim) const { return call<Tensor>("aten::squeeze.dims", {*this, dim}); }
  Tensor &squeeze_() & { return assign(call<Tensor>("aten::squeeze_", {*this})); }
  Tensor &squeeze_(int64_t dim) & { return assign(call<Tensor>("aten::squeeze_.dim", {*this, dim})); }
  Tensor &squeeze_(IntList dim) & { return assign(call<Tensor>("aten::squeeze_.dims", {*this, dim})); }
  Tensor squeeze_copy() const { return call<Tensor>("aten::squeeze_copy", {*this}); }
  Tensor squeeze_copy(int64_t dim) const { return call<Tensor>("aten::squeeze_copy.dim", {*this, dim}); }
  Tensor squeeze_copy(IntList dim) const { return call<Tensor>("aten::squeeze_copy.dims", {*this, dim}); }
  Tensor std(Bool unbiased = true) const { return call<Tensor>("aten::std", {*this, unbiased}); }
  Tensor std(OptionalIntList dim, Bool unbiased = true, Bool keepdim = false) const {
    return call<Tensor>("aten::std.dim", {*this, dim, unbiased, keepdim});
  }
  Tensor std(OptionalIntList dim, ::std::optional<Scalar> correction, Bool keepdim = false) const {
    return call<Tensor>("aten::std.correction", {*this, dim, {"correction", correction}, {"keepdim", keepdim}});
  }
  ::std::tuple<Tensor, Tensor> std_mean(Bool unbiased = true) const {
    return call<::std::tuple<Tensor, Tensor>>("aten::std_mean", {*this, unbiased});
  }
  ::std::tuple<Tensor, Tensor> std_mean(OptionalIntList dim, Bool unbiased = true, Bool keepdim = false) const {
    return call<::std::tuple<Tensor, Tensor>>("aten::std_mean.dim", {*this, dim, unbiased, keepdim});
  }
  ::std::tuple<Tensor, Tensor> std_mean(OptionalIntList dim, ::std::optional<Scalar> correction, Bool keepdim = false) const {
    return call<::std::tuple<Tensor, Tensor>>("aten::std_mean.correction", {*this, dim, {"correction", correction}, {"keepdim",
      keepdim}});
  }
  Tensor stft(int64_t n_fft, ::std::optional<int64_t> hop_length = ::std::nullopt,
      ::std::optional<int64_t> win_length = ::std::nullopt, const ::std::optional<Tensor> &window = ::std::nullopt, Bool center = true,
      const ::std::string &pad_mode = "reflect", Bool normalized = false, ::std::optional<Bool> onesided = ::std::nullopt,
      ::std::optional<Bool> return_complex = ::std::nullopt, ::std::optional<Bool> align_to_window = ::std::nullopt) const {
    return call<Tensor>("aten::stft.center", {*this, n_fft, hop_length, win_length, window, center, pad_mode, normalized, onesided,
      return_complex, align_to_window});
  }
  Tensor stft(int64_t n_fft, ::std::optional<int64_t> hop_length, ::std::optional<int64_t> win_length,
      const ::std::optional<Tensor> &window, Bool normalized, ::std::optional<Bool> onesided,
      ::std::optional<Bool> return_complex = ::std::nullopt, ::std::optional<Bool> align_to_window = ::std::nullopt) const {
    return call<Tensor>("aten::stft", {*this, n_fft, hop_length, win_length, window, normalized, onesided, return_complex,
      align_to_window});
  }
  Tensor sub(const Tensor &other, Scalar alpha = 1) const {
    return call<Tensor>("aten::sub.Tensor", {*this, other, {"alpha", alpha}});
  }
  Tensor sub(Scalar other, Scalar alpha = 1) const { return call<Tensor>("aten::sub.Scalar", {*this, other, alpha}); }
  Tensor &sub_(const Tensor &other, Scalar alpha = 1) & {
    return assign(call<Tensor>("aten::sub_.Tensor", {*this, other, {"alpha", alpha}}));
  }
  Tensor &sub_(Scalar other, Scalar alpha = 1) & { return assign(call<Tensor>("aten::sub_.Scalar", {*this, other, alpha})); }
  Tensor subtract(const Tensor &other, Scalar alpha = 1) const {
    return call<Tensor>("aten::subtract.Tensor", {*this, other, {"alpha", alpha}});
  }
  Tensor subtract(Scalar other, Scalar alpha = 1) const { return call<Tensor>("aten::subtract.Scalar", {*this, other, alpha}); }
  Tensor &subtract_(const Tensor &other, Scalar alpha = 1) & {
    return assign(call<Tensor>("aten::subtract_.Tensor", {*this, other, {"alpha", alpha}}));
  }
  Tensor &subtract_(Scalar other, Scalar alpha = 1) & {
    return assign(call<Tensor>("aten::subtract_.Scalar", {*this, other, alpha}));
  }
  Tensor sum(::std::optional<DType> dtype = ::std::nullopt) const { return call<Tensor>("aten::sum", {*this, {"dtype", dtype}}); }
  Tensor sum(OptionalIntList dim, Bool keepdim = false, ::std::optional<DType> dtype = ::std::nullopt) const {
    return call<Tensor>("aten::sum.dim_IntList", {*this, dim, keepdim, {"dtype", dtype}});
  }
  Tensor sum_to_size(IntList size) const { return call<Tensor>("aten::sum_to_size", {*this, size}); }
  ::std::tuple<Tensor, Tensor, Tensor> svd(Bool some = true, Bool compute_uv = true) const {
    return call<::std::tuple<Tensor, Tensor, Tensor>>("aten::svd", {*this, some, compute_uv});
  }
  Tensor swapaxes(int64_t axis0, int64_t axis1) const { return call<Tensor>("aten::swapaxes", {*this, axis0, axis1}); }
  Tensor &swapaxes_(int64_t axis0, int64_t axis1) & { return assign(call<Tensor>("aten::swapaxes_", {*this, axis0, axis1})); }
  Tensor swapdims(int64_t dim0, int64_t dim1) const { return call<Tensor>("aten::swapdims", {*this, dim0, dim1}); }
  Tensor &swapdims_(int64_t dim0, int64_t dim1) & { return assign(call<Tensor>("aten::swapdims_", {*this, dim0, dim1})); }
  Tensor t() const { return call<Tensor>("aten::t", {*this}); }
  Tensor &t_() & { return assign(call<Tensor>("aten::t_", {*this})); }
  Tensor t_copy() const { return call<Tensor>("aten::t_copy", {*this}); }
  Tensor take(const Tensor &index) const { return call<Tensor>("aten::take", {*this, index}); }
  Tensor take_along_dim(const Tensor &indices, ::std::optional<int64_t> dim = ::std::nullopt) const {
    return call<Tensor>("aten::take_along_dim", {*this, indices, dim});
  }
  Tensor tan() const { return call<Tensor>("aten::tan", {*this}); }
  Tensor &tan_() & { return assign(call<Tensor>("aten::tan_", {*this})); }
  Tensor tanh() const { return call<Tensor>("aten::tanh", {*this}); }
  Tensor &tanh_() & { return assign(call<Tensor>("aten::tanh_", {*this})); }
  ::std::vector<Tensor> tensor_split(int64_t sections, int64_t dim = 0) const {
    return call<::std::vector<Tensor>>("aten::tensor_split.sections", {*this, sections, dim});
  }
  ::std::vector<Tensor> tensor_split(IntList indices, int64_t dim = 0) const {
    return call<::std::vector<Tensor>>("aten::tensor_split.indices", {*this, indices, dim});
  }
  ::std::vector<Tensor> tensor_split(const Tensor &tensor_indices_or_sections, int64_t dim = 0) const {
    return call<::std::vector<Tensor>>("aten::tensor_split.tensor_indices_or_sections", {*this, tensor_indices_or_sections, dim});
  }
  Tensor tensordot(const Tensor &other, IntList dims_self, IntList dims_other) const {
    return call<Tensor>("aten::tensordot", {*this, other, dims_self, dims_other});
  }
  Tensor threshold(Scalar threshold, Scalar value) const { return call<Tensor>("aten::threshold", {*this, threshold, value}); }
  Tensor &threshold_(Scalar threshold, Scalar value) & { return assign(call<Tensor>("aten::threshold_", {*this, threshold, value})); }
  Tensor tile(IntList dims) const { return call<Tensor>("aten::tile", {*this, dims}); }
  Tensor to_dense(::std::optional<DType> dtype = ::std::nullopt, ::std::optional<Bool> masked_grad = ::std::nullopt) const {
    return call<Tensor>("aten::to_dense", {*this, dtype, {"masked_grad", masked_grad}});
  }
  Tensor to_sparse(int64_t sparse_dim) const { return call<Tensor>("aten::to_sparse.sparse_dim", {*this, sparse_dim}); }
  Tensor to_sparse(OptionalIntList blocksize = ::std::nullopt, ::std::optional<int64_t> dense_dim = ::std::nullopt) const {
    return call<Tensor>("aten::to_sparse", {*this, {"blocksize", blocksize}, {"dense_dim", dense_dim}});
  }
  ::std::tuple<Tensor, Tensor> topk(int64_t k, int64_t dim = -1, Bool largest = true, Bool sorted = true) const {
    return call<::std::tuple<Tensor, Tensor>>("aten::topk", {*this, k, dim, largest, sorted});
  }
  Tensor trace() const { return call<Tensor>("aten::trace", {*this}); }
  Tensor transpose(int64_t dim0, int64_t dim1) const { return call<Tensor>("aten::transpose.int", {*this, dim0, dim1}); }
  Tensor &transpose_(int64_t dim0, int64_t dim1) & { return assign(call<Tensor>("aten::transpose_", {*this, dim0, dim1})); }
  Tensor transpose_copy(int64_t dim0, int64_t dim1) const { return call<Tensor>("aten::transpose_copy.int", {*this, dim0, dim1}); }
  ::std::tuple<Tensor, Tensor> triangular_solve(const Tensor &A, Bool upper = true, Bool transpose = false,
      Bool unitriangular = false) const {
    return call<::std::tuple<Tensor, Tensor>>("aten::triangular_solve", {*this, A, upper, transpose, unitriangular});
  }
  Tensor tril(int64_t diagonal = 0) const { return call<Tensor>("aten::tril", {*this, diagonal}); }
  Tensor &tril_(int64_t diagonal = 0) & { return assign(call<Tensor>("aten::tril_", {*this, diagonal})); }
  Tensor triu(int64_t diagonal = 0) const { return call<Tensor>("aten::triu", {*this, diagonal}); }
  Tensor &triu_(int64_t diagonal = 0) & { return assign(call<Tensor>("aten::triu_", {*this, diagonal})); }
  Tensor true_divide(const Tensor &other) const { return call<Tensor>("aten::true_divide.Tensor", {*this, other}); }
  Tensor true_divide(Scalar other) const { return call<Tensor>("aten::true_divide.Scalar", {*this, other}); }
  Tensor &true_divide_(const Tensor &other) & { return assign(call<Tensor>("aten::true_divide_.Tensor", {*this, other})); }
  Tensor &true_divide_(Scalar other) & { return assign(call<Tensor>("aten::true_divide_.Scalar", {*this, other})); }
  Tensor trunc() const { return call<Tensor>("aten::trunc", {*this}); }
  Tensor &trunc_() & { return assign(call<Tensor>("aten::trunc_", {*this})); }
  ::std::vector<Tensor> unbind(int64_t dim = 0) const { return call<::std::vector<Tensor>>("aten::unbind.int", {*this, dim}); }
  ::std::vector<Tensor> unbind_copy(int64_t dim = 0) const {
    return call<::std::vector<Tensor>>("aten::unbind_copy.int", {*this, dim});
  }
  Tensor unflatten(int64_t dim, IntList sizes) const { return call<Tensor>("aten::unflatten.int", {*this, dim, sizes}); }
  Tensor unfold(int64_t dimension, int64_t size, int64_t step) const {
    return call<Tensor>("aten::unfold", {*this, dimension, size, step});
  }
  Tensor unfold_copy(int64_t dimension, int64_t size, int64_t step) const {
    return call<Tensor>("aten::unfold_copy", {*this, dimension, size, step});
  }
  Tensor &uniform_(double from = 0.0, double to = 1.0, const ::std::optional<Generator> &generator = ::std::nullopt) & {
    return assign(call<Tensor>("aten::uniform_", {*this, from, to, {"generator", generator}}));
  }
  ::std::tuple<Tensor, Tensor, Tensor> unique_consecutive(Bool return_inverse = false, Bool return_counts = false,
      ::std::optional<int64_t> dim = ::std::nullopt) const {
    return call<::std::tuple<Tensor, Tensor, Tensor>>("aten::unique_consecutive", {*this, return_inverse, return_counts, dim});
  }
  ::std::tuple<Tensor, Tensor, Tensor> unique_dim(int64_t dim, Bool sorted = true, Bool return_inverse = false,
      Bool return_counts = false) const {
    return call<::std::tuple<Tensor, Tensor, Tensor>>("aten::unique_dim", {*this, dim, sorted, return_inverse, return_counts});
  }
  ::std::vector<Tensor> unsafe_chunk(int64_t chunks, int64_t dim = 0) const {
    return call<::std::vector<Tensor>>("aten::unsafe_chunk", {*this, chunks, dim});
  }
  ::std::vector<Tensor> unsafe_split(int64_t split_size, int64_t dim = 0) const {
    return call<::std::vector<Tensor>>("aten::unsafe_split.Tensor", {*this, split_size, dim});
  }
  Tensor unsqueeze(int64_t dim) const { return call<Tensor>("aten::unsqueeze", {*this, dim}); }
  Tensor &unsqueeze_(int64_t dim) & { return assign(call<Tensor>("aten::unsqueeze_", {*this, dim})); }
  Tensor unsqueeze_copy(int64_t dim) const { return call<Tensor>("aten::unsqueeze_copy", {*this, dim}); }
  Tensor upsample_bicubic2d(IntList output_size, Bool align_corners, ::std::optional<double> scales_h = ::std::nullopt,
      ::std::optional<double> scales_w = ::std::nullopt) const {
    return call<Tensor>("aten::upsample_bicubic2d", {*this, output_size, align_corners, scales_h, scales_w});
  }
  Tensor upsample_bilinear2d(IntList output_size, Bool align_corners, ::std::optional<double> scales_h = ::std::nullopt,
      ::std::optional<double> scales_w = ::std::nullopt) const {
    return call<Tensor>("aten::upsample_bilinear2d", {*this, output_size, align_corners, scales_h, scales_w});
  }
  Tensor upsample_linear1d(IntList output_size, Bool align_corners, ::std::optional<double> scales = ::std::nullopt) const {
    return call<Tensor>("aten::upsample_linear1d", {*this, output_size, align_corners, scales});
  }
  Tensor upsample_nearest1d(IntList output_size, ::std::optional<double> scales = ::std::nullopt) const {
    return call<Tensor>("aten::upsample_nearest1d", {*this, output_size, scales});
  }
  Tensor upsample_nearest2d(IntList output_size, ::std::optional<double> scales_h = ::std::nullopt,
      ::std::optional<double> scales_w = ::std::nullopt) const {
    return call<Tensor>("aten::upsample_nearest2d", {*this, output_size, scales_h, scales_w});
  }
  Tensor var(Bool unbiased = true) const { return call<Tensor>("aten::var", {*this, unbiased}); }
  Tensor var(OptionalIntList dim, Bool unbiased = true, Bool keepdim = false) const {
    return call<Tensor>("aten::var.dim", {*this, dim, unbiased, keepdim});
  }
  Tensor var(OptionalIntList dim, ::std::optional<Scalar> correction, Bool keepdim = false) const {
    return call<Tensor>("aten::var.correction", {*this, dim, {"correction", correction}, {"keepdim", keepdim}});
  }
  ::std::tuple<Tensor, Tensor> var_mean(Bool unbiased = true) const {
    return call<::std::tuple<Tensor, Tensor>>("aten::var_mean", {*this, unbiased});
  }
  ::std::tuple<Tensor, Tensor> var_mean(OptionalIntList dim, Bool unbiased = true, Bool keepdim = false) const {
    return call<::std::tuple<Tensor, Tensor>>("aten::var_mean.dim", {*this, dim, unbiased, keepdim});
  }
  ::std::tuple<Tensor, Tensor> var_mean(OptionalIntList dim, ::std::optional<Scalar> correction, Bool keepdim = false) const {
    return call<::std::tuple<Tensor, Tensor>>("aten::var_mean.correction", {*this, dim, {"correction", correction}, {"keepdim",
      keepdim}});
  }
  Tensor vdot(const Tensor &other) const { return call<Tensor>("aten::vdot", {*this, other}); }
  Tensor view(IntList size) const { return call<Tensor>("aten::view", {*this, size}); }
  Tensor view_as(const Tensor &other) const { return call<Tensor>("aten::view_as", {*this, other}); }
  Tensor view_as_complex() const { return call<Tensor>("aten::view_as_complex", {*this}); }
  Tensor view_as_real() const { return call<Tensor>("aten::view_as_real", {*this}); }
  Tensor view_copy(IntList size) const { return call<Tensor>("aten::view_copy", {*this, size}); }
  ::std::vector<Tensor> vsplit(int64_t sections) const { return call<::std::vector<Tensor>>("aten::vsplit.int", {*this, sections}); }
  ::std::vector<Tensor> vsplit(IntList indices) const { return call<::std::vector<Tensor>>("aten::vsplit.array", {*this, indices}); }
  Tensor xlogy(const Tensor &other) const { return call<Tensor>("aten::xlogy.Tensor", {*this, other}); }
  Tensor xlogy(Scalar other) const { return call<Tensor>("aten::xlogy.Scalar_Other", {*this, other}); }
  Tensor &xlogy_(const Tensor &other) & { return assign(call<Tensor>("aten::xlogy_.Tensor", {*this, other})); }
  Tensor &xlogy_(Scalar other) & { return assign(call<Tensor>("aten::xlogy_.Scalar_Other", {*this, other})); }
  Tensor &zero_() & { return assign(call<Tensor>("aten::zero_", {*this})); }
  Tensor zeros_like(const TensorOptions &options = {}) const {
    return call<Tensor>("aten::zeros_like", {*this, {"dtype", options.dtype_opt()}, {"device", options.device_opt()}, {"requires_grad",
      options.requires_grad()}});
  }
