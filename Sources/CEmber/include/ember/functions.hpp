// Included by ember.hpp.
// Made by `ember c-header`: changes belong into the operators' declarations or into Sources/EmberCommand/CppOperators.swift.
#pragma once

namespace ember {

inline Tensor abs(const Tensor &self) { return call<Tensor>("aten::abs", {self}); }
inline Tensor absolute(const Tensor &self) { return call<Tensor>("aten::absolute", {self}); }
inline Tensor acos(const Tensor &self) { return call<Tensor>("aten::acos", {self}); }
inline Tensor acosh(const Tensor &self) { return call<Tensor>("aten::acosh", {self}); }
inline Tensor adaptive_avg_pool1d(const Tensor &self, IntList output_size) {
  return call<Tensor>("aten::adaptive_avg_pool1d", {self, output_size});
}
inline Tensor adaptive_avg_pool2d(const Tensor &self, IntList output_size) {
  return call<Tensor>("aten::adaptive_avg_pool2d", {self, output_size});
}
inline Tensor adaptive_avg_pool3d(const Tensor &self, IntList output_size) {
  return call<Tensor>("aten::adaptive_avg_pool3d", {self, output_size});
}
inline ::std::tuple<Tensor, Tensor> adaptive_max_pool1d(const Tensor &self, IntList output_size) {
  return call<::std::tuple<Tensor, Tensor>>("aten::adaptive_max_pool1d", {self, output_size});
}
inline ::std::tuple<Tensor, Tensor> adaptive_max_pool2d(const Tensor &self, IntList output_size) {
  return call<::std::tuple<Tensor, Tensor>>("aten::adaptive_max_pool2d", {self, output_size});
}
inline ::std::tuple<Tensor, Tensor> adaptive_max_pool3d(const Tensor &self, IntList output_size) {
  return call<::std::tuple<Tensor, Tensor>>("aten::adaptive_max_pool3d", {self, output_size});
}
inline Tensor add(const Tensor &self, const Tensor &other, Scalar alpha = 1) {
  return call<Tensor>("aten::add.Tensor", {self, other, {"alpha", alpha}});
}
inline Tensor add(const Tensor &self, Scalar other, Scalar alpha = 1) {
  return call<Tensor>("aten::add.Scalar", {self, other, alpha});
}
inline Tensor addbmm(const Tensor &self, const Tensor &batch1, const Tensor &batch2, Scalar beta = 1, Scalar alpha = 1) {
  return call<Tensor>("aten::addbmm", {self, batch1, batch2, {"beta", beta}, {"alpha", alpha}});
}
inline Tensor addcdiv(const Tensor &self, const Tensor &tensor1, const Tensor &tensor2, Scalar value = 1) {
  return call<Tensor>("aten::addcdiv", {self, tensor1, tensor2, {"value", value}});
}
inline Tensor addcmul(const Tensor &self, const Tensor &tensor1, const Tensor &tensor2, Scalar value = 1) {
  return call<Tensor>("aten::addcmul", {self, tensor1, tensor2, {"value", value}});
}
inline Tensor addmm(const Tensor &self, const Tensor &mat1, const Tensor &mat2, Scalar beta = 1, Scalar alpha = 1) {
  return call<Tensor>("aten::addmm", {self, mat1, mat2, {"beta", beta}, {"alpha", alpha}});
}
inline Tensor addmv(const Tensor &self, const Tensor &mat, const Tensor &vec, Scalar beta = 1, Scalar alpha = 1) {
  return call<Tensor>("aten::addmv", {self, mat, vec, {"beta", beta}, {"alpha", alpha}});
}
inline Tensor addr(const Tensor &self, const Tensor &vec1, const Tensor &vec2, Scalar beta = 1, Scalar alpha = 1) {
  return call<Tensor>("aten::addr", {self, vec1, vec2, {"beta", beta}, {"alpha", alpha}});
}
inline Tensor adjoint(const Tensor &self) { return call<Tensor>("aten::adjoint", {self}); }
inline Tensor affine_grid_generator(const Tensor &theta, IntList size, Bool align_corners) {
  return call<Tensor>("aten::affine_grid_generator", {theta, size, align_corners});
}
inline Tensor alias(const Tensor &self) { return call<Tensor>("aten::alias", {self}); }
inline Tensor alias_copy(const Tensor &self) { return call<Tensor>("aten::alias_copy", {self}); }
inline Tensor all(const Tensor &self) { return call<Tensor>("aten::all", {self}); }
inline Tensor all(const Tensor &self, int64_t dim, Bool keepdim = false) {
  return call<Tensor>("aten::all.dim", {self, dim, keepdim});
}
inline Tensor all(const Tensor &self, OptionalIntList dim, Bool keepdim = false) {
  return call<Tensor>("aten::all.dims", {self, dim, keepdim});
}
inline bool allclose(const Tensor &self, const Tensor &other, double rtol = 1e-05, double atol = 1e-08, Bool equal_nan = false) {
  return call<bool>("aten::allclose", {self, other, rtol, atol, equal_nan});
}
inline Tensor amax(const Tensor &self, IntList dim = {}, Bool keepdim = false) {
  return call<Tensor>("aten::amax", {self, dim, keepdim});
}
inline Tensor amin(const Tensor &self, IntList dim = {}, Bool keepdim = false) {
  return call<Tensor>("aten::amin", {self, dim, keepdim});
}
inline ::std::tuple<Tensor, Tensor> aminmax(const Tensor &self, ::std::optional<int64_t> dim = ::std::nullopt, Bool keepdim = false) {
  return call<::std::tuple<Tensor, Tensor>>("aten::aminmax", {self, {"dim", dim}, {"keepdim", keepdim}});
}
inline Tensor angle(const Tensor &self) { return call<Tensor>("aten::angle", {self}); }
inline Tensor any(const Tensor &self) { return call<Tensor>("aten::any", {self}); }
inline Tensor any(const Tensor &self, int64_t dim, Bool keepdim = false) {
  return call<Tensor>("aten::any.dim", {self, dim, keepdim});
}
inline Tensor any(const Tensor &self, OptionalIntList dim, Bool keepdim = false) {
  return call<Tensor>("aten::any.dims", {self, dim, keepdim});
}
inline Tensor arange(Scalar end, const TensorOptions &options = {}) {
  return call<Tensor>("aten::arange", {end, {"dtype", options.dtype_opt()}, {"device", options.device_opt()}, {"requires_grad",
    options.requires_grad()}});
}
inline Tensor arange(Scalar start, Scalar end, const TensorOptions &options = {}) {
  return call<Tensor>("aten::arange.start", {start, end, {"dtype", options.dtype_opt()}, {"device", options.device_opt()},
    {"requires_grad", options.requires_grad()}});
}
inline Tensor arange(Scalar start, Scalar end, Scalar step, const TensorOptions &options = {}) {
  return call<Tensor>("aten::arange.start_step", {start, end, step, {"dtype", options.dtype_opt()}, {"device", options.device_opt()},
    {"requires_grad", options.requires_grad()}});
}
inline Tensor arccos(const Tensor &self) { return call<Tensor>("aten::arccos", {self}); }
inline Tensor arccosh(const Tensor &self) { return call<Tensor>("aten::arccosh", {self}); }
inline Tensor arcsin(const Tensor &self) { return call<Tensor>("aten::arcsin", {self}); }
inline Tensor arcsinh(const Tensor &self) { return call<Tensor>("aten::arcsinh", {self}); }
inline Tensor arctan(const Tensor &self) { return call<Tensor>("aten::arctan", {self}); }
inline Tensor arctan2(const Tensor &self, const Tensor &other) { return call<Tensor>("aten::arctan2", {self, other}); }
inline Tensor arctanh(const Tensor &self) { return call<Tensor>("aten::arctanh", {self}); }
inline Tensor argmax(const Tensor &self, ::std::optional<int64_t> dim = ::std::nullopt, Bool keepdim = false) {
  return call<Tensor>("aten::argmax", {self, dim, keepdim});
}
inline Tensor argmin(const Tensor &self, ::std::optional<int64_t> dim = ::std::nullopt, Bool keepdim = false) {
  return call<Tensor>("aten::argmin", {self, dim, keepdim});
}
inline Tensor argsort(const Tensor &self, int64_t dim = -1, Bool descending = false) {
  return call<Tensor>("aten::argsort", {self, dim, descending});
}
inline Tensor argsort(const Tensor &self, Bool stable, int64_t dim = -1, Bool descending = false) {
  return call<Tensor>("aten::argsort.stable", {self, {"stable", stable}, {"dim", dim}, {"descending", descending}});
}
inline Tensor argwhere(const Tensor &self) { return call<Tensor>("aten::argwhere", {self}); }
inline Tensor as_strided(const Tensor &self, IntList size, IntList stride, ::std::optional<int64_t> storage_offset = ::std::nullopt) {
  return call<Tensor>("aten::as_strided", {self, size, stride, storage_offset});
}
inline Tensor as_strided_copy(const Tensor &self, IntList size, IntList stride,
    ::std::optional<int64_t> storage_offset = ::std::nullopt) {
  return call<Tensor>("aten::as_strided_copy", {self, size, stride, storage_offset});
}
inline Tensor as_strided_scatter(const Tensor &self, const Tensor &src, IntList size, IntList stride,
    ::std::optional<int64_t> storage_offset = ::std::nullopt) {
  return call<Tensor>("aten::as_strided_scatter", {self, src, size, stride, storage_offset});
}
inline Tensor asin(const Tensor &self) { return call<Tensor>("aten::asin", {self}); }
inline Tensor asinh(const Tensor &self) { return call<Tensor>("aten::asinh", {self}); }
inline Tensor atan(const Tensor &self) { return call<Tensor>("aten::atan", {self}); }
inline Tensor atan2(const Tensor &self, const Tensor &other) { return call<Tensor>("aten::atan2", {self, other}); }
inline Tensor atanh(const Tensor &self) { return call<Tensor>("aten::atanh", {self}); }
inline Tensor atleast_1d(const Tensor &self) { return call<Tensor>("aten::atleast_1d", {self}); }
inline ::std::vector<Tensor> atleast_1d(const ::std::vector<Tensor> &tensors) {
  return call<::std::vector<Tensor>>("aten::atleast_1d.Sequence", {tensors});
}
inline Tensor atleast_2d(const Tensor &self) { return call<Tensor>("aten::atleast_2d", {self}); }
inline ::std::vector<Tensor> atleast_2d(const ::std::vector<Tensor> &tensors) {
  return call<::std::vector<Tensor>>("aten::atleast_2d.Sequence", {tensors});
}
inline Tensor atleast_3d(const Tensor &self) { return call<Tensor>("aten::atleast_3d", {self}); }
inline ::std::vector<Tensor> atleast_3d(const ::std::vector<Tensor> &tensors) {
  return call<::std::vector<Tensor>>("aten::atleast_3d.Sequence", {tensors});
}
inline Tensor avg_pool1d(const Tensor &self, IntList kernel_size, IntList stride = {}, IntList padding = 0, Bool ceil_mode = false,
    Bool count_include_pad = true) {
  return call<Tensor>("aten::avg_pool1d", {self, kernel_size, stride, padding, ceil_mode, count_include_pad});
}
inline Tensor avg_pool2d(const Tensor &self, IntList kernel_size, IntList stride = {}, IntList padding = 0, Bool ceil_mode = false,
    Bool count_include_pad = true, ::std::optional<int64_t> divisor_override = ::std::nullopt) {
  return call<Tensor>("aten::avg_pool2d", {self, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override});
}
inline Tensor avg_pool3d(const Tensor &self, IntList kernel_size, IntList stride = {}, IntList padding = 0, Bool ceil_mode = false,
    Bool count_include_pad = true, ::std::optional<int64_t> divisor_override = ::std::nullopt) {
  return call<Tensor>("aten::avg_pool3d", {self, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override});
}
inline Tensor baddbmm(const Tensor &self, const Tensor &batch1, const Tensor &batch2, Scalar beta = 1, Scalar alpha = 1) {
  return call<Tensor>("aten::baddbmm", {self, batch1, batch2, {"beta", beta}, {"alpha", alpha}});
}
inline Tensor bernoulli(const Tensor &self, const ::std::optional<Generator> &generator = ::std::nullopt) {
  return call<Tensor>("aten::bernoulli", {self, {"generator", generator}});
}
inline Tensor bilinear(const Tensor &input1, const Tensor &input2, const Tensor &weight,
    const ::std::optional<Tensor> &bias = ::std::nullopt) {
  return call<Tensor>("aten::bilinear", {input1, input2, weight, bias});
}
inline Tensor bincount(const Tensor &self, const ::std::optional<Tensor> &weights = ::std::nullopt, int64_t minlength = 0) {
  return call<Tensor>("aten::bincount", {self, weights, minlength});
}
inline Tensor bitwise_and(const Tensor &self, const Tensor &other) { return call<Tensor>("aten::bitwise_and.Tensor", {self, other}); }
inline Tensor bitwise_and(const Tensor &self, Scalar other) { return call<Tensor>("aten::bitwise_and.Scalar", {self, other}); }
inline Tensor bitwise_and(Scalar self, const Tensor &other) { return call<Tensor>("aten::bitwise_and.Scalar_Tensor", {self, other}); }
inline Tensor bitwise_left_shift(Scalar self, const Tensor &other) {
  return call<Tensor>("aten::bitwise_left_shift.Scalar_Tensor", {self, other});
}
inline Tensor bitwise_left_shift(const Tensor &self, const Tensor &other) {
  return call<Tensor>("aten::bitwise_left_shift.Tensor", {self, other});
}
inline Tensor bitwise_left_shift(const Tensor &self, Scalar other) {
  return call<Tensor>("aten::bitwise_left_shift.Tensor_Scalar", {self, other});
}
inline Tensor bitwise_not(const Tensor &self) { return call<Tensor>("aten::bitwise_not", {self}); }
inline Tensor bitwise_or(const Tensor &self, const Tensor &other) { return call<Tensor>("aten::bitwise_or.Tensor", {self, other}); }
inline Tensor bitwise_or(const Tensor &self, Scalar other) { return call<Tensor>("aten::bitwise_or.Scalar", {self, other}); }
inline Tensor bitwise_or(Scalar self, const Tensor &other) { return call<Tensor>("aten::bitwise_or.Scalar_Tensor", {self, other}); }
inline Tensor bitwise_right_shift(Scalar self, const Tensor &other) {
  return call<Tensor>("aten::bitwise_right_shift.Scalar_Tensor", {self, other});
}
inline Tensor bitwise_right_shift(const Tensor &self, const Tensor &other) {
  return call<Tensor>("aten::bitwise_right_shift.Tensor", {self, other});
}
inline Tensor bitwise_right_shift(const Tensor &self, Scalar other) {
  return call<Tensor>("aten::bitwise_right_shift.Tensor_Scalar", {self, other});
}
inline Tensor bitwise_xor(const Tensor &self, const Tensor &other) { return call<Tensor>("aten::bitwise_xor.Tensor", {self, other}); }
inline Tensor bitwise_xor(const Tensor &self, Scalar other) { return call<Tensor>("aten::bitwise_xor.Scalar", {self, other}); }
inline Tensor bitwise_xor(Scalar self, const Tensor &other) { return call<Tensor>("aten::bitwise_xor.Scalar_Tensor", {self, other}); }
inline Tensor block_diag(const ::std::vector<Tensor> &tensors) { return call<Tensor>("aten::block_diag", {tensors}); }
inline Tensor bmm(const Tensor &self, const Tensor &mat2) { return call<Tensor>("aten::bmm", {self, mat2}); }
inline ::std::vector<Tensor> broadcast_tensors(const ::std::vector<Tensor> &tensors) {
  return call<::std::vector<Tensor>>("aten::broadcast_tensors", {tensors});
}
inline Tensor broadcast_to(const Tensor &self, IntList size) { return call<Tensor>("aten::broadcast_to", {self, size}); }
inline Tensor bucketize(const Tensor &self, const Tensor &boundaries, Bool out_int32 = false, Bool right = false) {
  return call<Tensor>("aten::bucketize.Tensor", {self, boundaries, {"out_int32", out_int32}, {"right", right}});
}
inline Tensor bucketize(Scalar self, const Tensor &boundaries, Bool out_int32 = false, Bool right = false) {
  return call<Tensor>("aten::bucketize.Scalar", {self, boundaries, {"out_int32", out_int32}, {"right", right}});
}
inline Tensor cartesian_prod(const ::std::vector<Tensor> &tensors) { return call<Tensor>("aten::cartesian_prod", {tensors}); }
inline Tensor cat(const ::std::vector<Tensor> &tensors, int64_t dim = 0) { return call<Tensor>("aten::cat", {tensors, dim}); }
inline Tensor cdist(const Tensor &x1, const Tensor &x2, double p = 2.0, ::std::optional<int64_t> compute_mode = ::std::nullopt) {
  return call<Tensor>("aten::cdist", {x1, x2, p, compute_mode});
}
inline Tensor ceil(const Tensor &self) { return call<Tensor>("aten::ceil", {self}); }
inline Tensor celu(const Tensor &self, Scalar alpha = 1.0) { return call<Tensor>("aten::celu", {self, alpha}); }
inline Tensor chain_matmul(const ::std::vector<Tensor> &matrices) { return call<Tensor>("aten::chain_matmul", {matrices}); }
inline Tensor channel_shuffle(const Tensor &self, int64_t groups) { return call<Tensor>("aten::channel_shuffle", {self, groups}); }
inline Tensor cholesky(const Tensor &self, Bool upper = false) { return call<Tensor>("aten::cholesky", {self, upper}); }
inline Tensor cholesky_inverse(const Tensor &self, Bool upper = false) {
  return call<Tensor>("aten::cholesky_inverse", {self, upper});
}
inline Tensor cholesky_solve(const Tensor &self, const Tensor &input2, Bool upper = false) {
  return call<Tensor>("aten::cholesky_solve", {self, input2, upper});
}
inline ::std::vector<Tensor> chunk(const Tensor &self, int64_t chunks, int64_t dim = 0) {
  return call<::std::vector<Tensor>>("aten::chunk", {self, chunks, dim});
}
inline Tensor clamp(const Tensor &self, ::std::optional<Scalar> min = ::std::nullopt, ::std::optional<Scalar> max = ::std::nullopt) {
  return call<Tensor>("aten::clamp", {self, min, max});
}
inline Tensor clamp(const Tensor &self, const ::std::optional<Tensor> &min, const ::std::optional<Tensor> &max = ::std::nullopt) {
  return call<Tensor>("aten::clamp.Tensor", {self, min, max});
}
inline Tensor clamp_max(const Tensor &self, Scalar max) { return call<Tensor>("aten::clamp_max", {self, max}); }
inline Tensor clamp_max(const Tensor &self, const Tensor &max) { return call<Tensor>("aten::clamp_max.Tensor", {self, max}); }
inline Tensor clamp_min(const Tensor &self, Scalar min) { return call<Tensor>("aten::clamp_min", {self, min}); }
inline Tensor clamp_min(const Tensor &self, const Tensor &min) { return call<Tensor>("aten::clamp_min.Tensor", {self, min}); }
inline Tensor clip(const Tensor &self, ::std::optional<Scalar> min = ::std::nullopt, ::std::optional<Scalar> max = ::std::nullopt) {
  return call<Tensor>("aten::clip", {self, min, max});
}
inline Tensor clip(const Tensor &self, const ::std::optional<Tensor> &min, const ::std::optional<Tensor> &max = ::std::nullopt) {
  return call<Tensor>("aten::clip.Tensor", {self, min, max});
}
inline Tensor coalesce(const Tensor &self) { return call<Tensor>("aten::coalesce", {self}); }
inline Tensor col2im(const Tensor &self, IntList output_size, IntList kernel_size, IntList dilation, IntList padding,
    IntList stride) {
  return call<Tensor>("aten::col2im", {self, output_size, kernel_size, dilation, padding, stride});
}
inline Tensor column_stack(const ::std::vector<Tensor> &tensors) { return call<Tensor>("aten::column_stack", {tensors}); }
inline Tensor combinations(const Tensor &self, int64_t r = 2, Bool with_replacement = false) {
  return call<Tensor>("aten::combinations", {self, r, with_replacement});
}
inline Tensor complex(const Tensor &real, const Tensor &imag) { return call<Tensor>("aten::complex", {real, imag}); }
inline Tensor concat(const ::std::vector<Tensor> &tensors, int64_t dim = 0) { return call<Tensor>("aten::concat", {tensors, dim}); }
inline Tensor concatenate(const ::std::vector<Tensor> &tensors, int64_t dim = 0) {
  return call<Tensor>("aten::concatenate", {tensors, dim});
}
inline Tensor conj(const Tensor &self) { return call<Tensor>("aten::conj", {self}); }
inline Tensor conj_physical(const Tensor &self) { return call<Tensor>("aten::conj_physical", {self}); }
inline Tensor constant_pad_nd(const Tensor &self, IntList pad, Scalar value = 0) {
  return call<Tensor>("aten::constant_pad_nd", {self, pad, value});
}
inline Tensor conv1d(const Tensor &input, const Tensor &weight, const ::std::optional<Tensor> &bias = ::std::nullopt,
    IntList stride = 1, IntList padding = 0, IntList dilation = 1, int64_t groups = 1) {
  return call<Tensor>("aten::conv1d", {input, weight, bias, stride, padding, dilation, groups});
}
inline Tensor conv1d(const Tensor &input, const Tensor &weight, const ::std::optional<Tensor> &bias, IntList stride,
    const ::std::string &padding, IntList dilation = 1, int64_t groups = 1) {
  return call<Tensor>("aten::conv1d.padding", {input, weight, bias, stride, padding, dilation, groups});
}
inline Tensor conv2d(const Tensor &input, const Tensor &weight, const ::std::optional<Tensor> &bias = ::std::nullopt,
    IntList stride = 1, IntList padding = 0, IntList dilation = 1, int64_t groups = 1) {
  return call<Tensor>("aten::conv2d", {input, weight, bias, stride, padding, dilation, groups});
}
inline Tensor conv2d(const Tensor &input, const Tensor &weight, const ::std::optional<Tensor> &bias, IntList stride,
    const ::std::string &padding, IntList dilation = 1, int64_t groups = 1) {
  return call<Tensor>("aten::conv2d.padding", {input, weight, bias, stride, padding, dilation, groups});
}
inline Tensor conv3d(const Tensor &input, const Tensor &weight, const ::std::optional<Tensor> &bias = ::std::nullopt,
    IntList stride = 1, IntList padding = 0, IntList dilation = 1, int64_t groups = 1) {
  return call<Tensor>("aten::conv3d", {input, weight, bias, stride, padding, dilation, groups});
}
inline Tensor conv3d(const Tensor &input, const Tensor &weight, const ::std::optional<Tensor> &bias, IntList stride,
    const ::std::string &padding, IntList dilation = 1, int64_t groups = 1) {
  return call<Tensor>("aten::conv3d.padding", {input, weight, bias, stride, padding, dilation, groups});
}
inline Tensor conv_transpose1d(const Tensor &input, const Tensor &weight, const ::std::optional<Tensor> &bias = ::std::nullopt,
    IntList stride = 1, IntList padding = 0, IntList output_padding = 0, int64_t groups = 1, IntList dilation = 1) {
  return call<Tensor>("aten::conv_transpose1d", {input, weight, bias, stride, padding, output_padding, groups, dilation});
}
inline Tensor conv_transpose2d(const Tensor &input, const Tensor &weight, const ::std::optional<Tensor> &bias = ::std::nullopt,
    IntList stride = 1, IntList padding = 0, IntList output_padding = 0, int64_t groups = 1, IntList dilation = 1) {
  return call<Tensor>("aten::conv_transpose2d.input", {input, weight, bias, stride, padding, output_padding, groups, dilation});
}
inline Tensor conv_transpose3d(const Tensor &input, const Tensor &weight, const ::std::optional<Tensor> &bias = ::std::nullopt,
    IntList stride = 1, IntList padding = 0, IntList output_padding = 0, int64_t groups = 1, IntList dilation = 1) {
  return call<Tensor>("aten::conv_transpose3d.input", {input, weight, bias, stride, padding, output_padding, groups, dilation});
}
inline Tensor copysign(const Tensor &self, const Tensor &other) { return call<Tensor>("aten::copysign.Tensor", {self, other}); }
inline Tensor copysign(const Tensor &self, Scalar other) { return call<Tensor>("aten::copysign.Scalar", {self, other}); }
inline Tensor corrcoef(const Tensor &self) { return call<Tensor>("aten::corrcoef", {self}); }
inline Tensor cos(const Tensor &self) { return call<Tensor>("aten::cos", {self}); }
inline Tensor cosh(const Tensor &self) { return call<Tensor>("aten::cosh", {self}); }
inline Tensor cosine_similarity(const Tensor &x1, const Tensor &x2, int64_t dim = 1, double eps = 1e-08) {
  return call<Tensor>("aten::cosine_similarity", {x1, x2, dim, eps});
}
inline Tensor count_nonzero(const Tensor &self, ::std::optional<int64_t> dim = ::std::nullopt) {
  return call<Tensor>("aten::count_nonzero", {self, dim});
}
inline Tensor count_nonzero(const Tensor &self, IntList dim) { return call<Tensor>("aten::count_nonzero.dim_IntList", {self, dim}); }
inline Tensor cov(const Tensor &self, int64_t correction = 1, const ::std::optional<Tensor> &fweights = ::std::nullopt,
    const ::std::optional<Tensor> &aweights = ::std::nullopt) {
  return call<Tensor>("aten::cov", {self, {"correction", correction}, {"fweights", fweights}, {"aweights", aweights}});
}
inline Tensor cross(const Tensor &self, const Tensor &other, ::std::optional<int64_t> dim = ::std::nullopt) {
  return call<Tensor>("aten::cross", {self, other, dim});
}
inline Tensor ctc_loss(const Tensor &log_probs, const Tensor &targets, IntList input_lengths, IntList target_lengths,
    int64_t blank = 0, int64_t reduction = 1, Bool zero_infinity = false) {
  return call<Tensor>("aten::ctc_loss.IntList", {log_probs, targets, input_lengths, target_lengths, blank, reduction, zero_infinity});
}
inline Tensor ctc_loss(const Tensor &log_probs, const Tensor &targets, const Tensor &input_lengths, const Tensor &target_lengths,
    int64_t blank = 0, int64_t reduction = 1, Bool zero_infinity = false) {
  return call<Tensor>("aten::ctc_loss.Tensor", {log_probs, targets, input_lengths, target_lengths, blank, reduction, zero_infinity});
}
inline ::std::tuple<Tensor, Tensor> cummax(const Tensor &self, int64_t dim) {
  return call<::std::tuple<Tensor, Tensor>>("aten::cummax", {self, dim});
}
inline ::std::tuple<Tensor, Tensor> cummin(const Tensor &self, int64_t dim) {
  return call<::std::tuple<Tensor, Tensor>>("aten::cummin", {self, dim});
}
inline Tensor cumprod(const Tensor &self, int64_t dim, ::std::optional<DType> dtype = ::std::nullopt) {
  return call<Tensor>("aten::cumprod", {self, dim, {"dtype", dtype}});
}
inline Tensor cumsum(const Tensor &self, int64_t dim, ::std::optional<DType> dtype = ::std::nullopt) {
  return call<Tensor>("aten::cumsum", {self, dim, {"dtype", dtype}});
}
inline Tensor cumulative_trapezoid(const Tensor &y, const Tensor &x, int64_t dim = -1) {
  return call<Tensor>("aten::cumulative_trapezoid.x", {y, x, {"dim", dim}});
}
inline Tensor cumulative_trapezoid(const Tensor &y, Scalar dx = 1, int64_t dim = -1) {
  return call<Tensor>("aten::cumulative_trapezoid.dx", {y, {"dx", dx}, {"dim", dim}});
}
inline Tensor deg2rad(const Tensor &self) { return call<Tensor>("aten::deg2rad", {self}); }
inline Tensor det(const Tensor &self) { return call<Tensor>("aten::det", {self}); }
inline Tensor diag(const Tensor &self, int64_t diagonal = 0) { return call<Tensor>("aten::diag", {self, diagonal}); }
inline Tensor diag_embed(const Tensor &self, int64_t offset = 0, int64_t dim1 = -2, int64_t dim2 = -1) {
  return call<Tensor>("aten::diag_embed", {self, offset, dim1, dim2});
}
inline Tensor diagflat(const Tensor &self, int64_t offset = 0) { return call<Tensor>("aten::diagflat", {self, offset}); }
inline Tensor diagonal(const Tensor &self, int64_t offset = 0, int64_t dim1 = 0, int64_t dim2 = 1) {
  return call<Tensor>("aten::diagonal", {self, offset, dim1, dim2});
}
inline Tensor diagonal_copy(const Tensor &self, int64_t offset = 0, int64_t dim1 = 0, int64_t dim2 = 1) {
  return call<Tensor>("aten::diagonal_copy", {self, offset, dim1, dim2});
}
inline Tensor diagonal_scatter(const Tensor &self, const Tensor &src, int64_t offset = 0, int64_t dim1 = 0, int64_t dim2 = 1) {
  return call<Tensor>("aten::diagonal_scatter", {self, src, offset, dim1, dim2});
}
inline Tensor diff(const Tensor &self, int64_t n = 1, int64_t dim = -1, const ::std::optional<Tensor> &prepend = ::std::nullopt,
    const ::std::optional<Tensor> &append = ::std::nullopt) {
  return call<Tensor>("aten::diff", {self, n, dim, prepend, append});
}
inline Tensor digamma(const Tensor &self) { return call<Tensor>("aten::digamma", {self}); }
inline Tensor dist(const Tensor &self, const Tensor &other, Scalar p = 2) { return call<Tensor>("aten::dist", {self, other, p}); }
inline Tensor div(const Tensor &self, const Tensor &other) { return call<Tensor>("aten::div.Tensor", {self, other}); }
inline Tensor div(const Tensor &self, Scalar other) { return call<Tensor>("aten::div.Scalar", {self, other}); }
inline Tensor div(const Tensor &self, const Tensor &other, const ::std::optional<::std::string> &rounding_mode) {
  return call<Tensor>("aten::div.Tensor_mode", {self, other, {"rounding_mode", rounding_mode}});
}
inline Tensor div(const Tensor &self, Scalar other, const ::std::optional<::std::string> &rounding_mode) {
  return call<Tensor>("aten::div.Scalar_mode", {self, other, {"rounding_mode", rounding_mode}});
}
inline Tensor divide(const Tensor &self, const Tensor &other) { return call<Tensor>("aten::divide.Tensor", {self, other}); }
inline Tensor divide(const Tensor &self, Scalar other) { return call<Tensor>("aten::divide.Scalar", {self, other}); }
inline Tensor divide(const Tensor &self, const Tensor &other, const ::std::optional<::std::string> &rounding_mode) {
  return call<Tensor>("aten::divide.Tensor_mode", {self, other, {"rounding_mode", rounding_mode}});
}
inline Tensor divide(const Tensor &self, Scalar other, const ::std::optional<::std::string> &rounding_mode) {
  return call<Tensor>("aten::divide.Scalar_mode", {self, other, {"rounding_mode", rounding_mode}});
}
inline Tensor dot(const Tensor &self, const Tensor &tensor) { return call<Tensor>("aten::dot", {self, tensor}); }
inline ::std::vector<Tensor> dsplit(const Tensor &self, int64_t sections) {
  return call<::std::vector<Tensor>>("aten::dsplit.int", {self, sections});
}
inline ::std::vector<Tensor> dsplit(const Tensor &self, IntList indices) {
  return call<::std::vector<Tensor>>("aten::dsplit.array", {self, indices});
}
inline Tensor dstack(const ::std::vector<Tensor> &tensors) { return call<Tensor>("aten::dstack", {tensors}); }
inline Tensor einsum(const ::std::string &equation, const ::std::vector<Tensor> &tensors, OptionalIntList path = ::std::nullopt) {
  return call<Tensor>("aten::einsum", {equation, tensors, {"path", path}});
}
inline Tensor elu(const Tensor &self, Scalar alpha = 1, Scalar scale = 1, Scalar input_scale = 1) {
  return call<Tensor>("aten::elu", {self, alpha, scale, input_scale});
}
inline Tensor embedding(const Tensor &weight, const Tensor &indices, int64_t padding_idx = -1, Bool scale_grad_by_freq = false,
    Bool sparse = false) {
  return call<Tensor>("aten::embedding", {weight, indices, padding_idx, scale_grad_by_freq, sparse});
}
inline Tensor empty(IntList size, const TensorOptions &options = {}) {
  return call<Tensor>("aten::empty.memory_format", {size, {"dtype", options.dtype_opt()}, {"device", options.device_opt()},
    {"requires_grad", options.requires_grad()}});
}
inline Tensor empty_like(const Tensor &self, const TensorOptions &options = {}) {
  return call<Tensor>("aten::empty_like", {self, {"dtype", options.dtype_opt()}, {"device", options.device_opt()}, {"requires_grad",
    options.requires_grad()}});
}
inline Tensor empty_permuted(IntList size, IntList physical_layout, const TensorOptions &options = {}) {
  return call<Tensor>("aten::empty_permuted", {size, physical_layout, {"dtype", options.dtype_opt()}, {"device", options.device_opt()},
    {"requires_grad", options.requires_grad()}});
}
inline Tensor empty_strided(IntList size, IntList stride, const TensorOptions &options = {}) {
  return call<Tensor>("aten::empty_strided", {size, stride, {"dtype", options.dtype_opt()}, {"device", options.device_opt()},
    {"requires_grad", options.requires_grad()}});
}
inline Tensor eq(const Tensor &self, const Tensor &other) { return call<Tensor>("aten::eq.Tensor", {self, other}); }
inline Tensor eq(const Tensor &self, Scalar other) { return call<Tensor>("aten::eq.Scalar", {self, other}); }
inline bool equal(const Tensor &self, const Tensor &other) { return call<bool>("aten::equal", {self, other}); }
inline Tensor erf(const Tensor &self) { return call<Tensor>("aten::erf", {self}); }
inline Tensor erfc(const Tensor &self) { return call<Tensor>("aten::erfc", {self}); }
inline Tensor erfinv(const Tensor &self) { return call<Tensor>("aten::erfinv", {self}); }
inline Tensor exp(const Tensor &self) { return call<Tensor>("aten::exp", {self}); }
inline Tensor exp2(const Tensor &self) { return call<Tensor>("aten::exp2", {self}); }
inline Tensor expand(const Tensor &self, IntList size, Bool implicit = false) {
  return call<Tensor>("aten::expand", {self, size, {"implicit", implicit}});
}
inline Tensor expand_as(const Tensor &self, const Tensor &other) { return call<Tensor>("aten::expand_as", {self, other}); }
inline Tensor expand_copy(const Tensor &self, IntList size, Bool implicit = false) {
  return call<Tensor>("aten::expand_copy", {self, size, {"implicit", implicit}});
}
inline Tensor expm1(const Tensor &self) { return call<Tensor>("aten::expm1", {self}); }
inline Tensor eye(int64_t n, const TensorOptions &options = {}) {
  return call<Tensor>("aten::eye", {n, {"dtype", options.dtype_opt()}, {"device", options.device_opt()}, {"requires_grad",
    options.requires_grad()}});
}
inline Tensor eye(int64_t n, int64_t m, const TensorOptions &options = {}) {
  return call<Tensor>("aten::eye.m", {n, m, {"dtype", options.dtype_opt()}, {"device", options.device_opt()}, {"requires_grad",
    options.requires_grad()}});
}
inline Tensor fft_fft(const Tensor &self, ::std::optional<int64_t> n = ::std::nullopt, int64_t dim = -1,
    const ::std::optional<::std::string> &norm = ::std::nullopt) {
  return call<Tensor>("aten::fft_fft", {self, n, dim, norm});
}
inline Tensor fft_fft2(const Tensor &self, OptionalIntList s = ::std::nullopt, IntList dim = {-2, -1},
    const ::std::optional<::std::string> &norm = ::std::nullopt) {
  return call<Tensor>("aten::fft_fft2", {self, s, dim, norm});
}
inline Tensor fft_fftn(const Tensor &self, OptionalIntList s = ::std::nullopt, OptionalIntList dim = ::std::nullopt,
    const ::std::optional<::std::string> &norm = ::std::nullopt) {
  return call<Tensor>("aten::fft_fftn", {self, s, dim, norm});
}
inline Tensor fft_fftshift(const Tensor &self, OptionalIntList dim = ::std::nullopt) {
  return call<Tensor>("aten::fft_fftshift", {self, dim});
}
inline Tensor fft_hfft(const Tensor &self, ::std::optional<int64_t> n = ::std::nullopt, int64_t dim = -1,
    const ::std::optional<::std::string> &norm = ::std::nullopt) {
  return call<Tensor>("aten::fft_hfft", {self, n, dim, norm});
}
inline Tensor fft_hfft2(const Tensor &self, OptionalIntList s = ::std::nullopt, IntList dim = {-2, -1},
    const ::std::optional<::std::string> &norm = ::std::nullopt) {
  return call<Tensor>("aten::fft_hfft2", {self, s, dim, norm});
}
inline Tensor fft_hfftn(const Tensor &self, OptionalIntList s = ::std::nullopt, OptionalIntList dim = ::std::nullopt,
    const ::std::optional<::std::string> &norm = ::std::nullopt) {
  return call<Tensor>("aten::fft_hfftn", {self, s, dim, norm});
}
inline Tensor fft_ifft(const Tensor &self, ::std::optional<int64_t> n = ::std::nullopt, int64_t dim = -1,
    const ::std::optional<::std::string> &norm = ::std::nullopt) {
  return call<Tensor>("aten::fft_ifft", {self, n, dim, norm});
}
inline Tensor fft_ifft2(const Tensor &self, OptionalIntList s = ::std::nullopt, IntList dim = {-2, -1},
    const ::std::optional<::std::string> &norm = ::std::nullopt) {
  return call<Tensor>("aten::fft_ifft2", {self, s, dim, norm});
}
inline Tensor fft_ifftn(const Tensor &self, OptionalIntList s = ::std::nullopt, OptionalIntList dim = ::std::nullopt,
    const ::std::optional<::std::string> &norm = ::std::nullopt) {
  return call<Tensor>("aten::fft_ifftn", {self, s, dim, norm});
}
inline Tensor fft_ifftshift(const Tensor &self, OptionalIntList dim = ::std::nullopt) {
  return call<Tensor>("aten::fft_ifftshift", {self, dim});
}
inline Tensor fft_ihfft(const Tensor &self, ::std::optional<int64_t> n = ::std::nullopt, int64_t dim = -1,
    const ::std::optional<::std::string> &norm = ::std::nullopt) {
  return call<Tensor>("aten::fft_ihfft", {self, n, dim, norm});
}
inline Tensor fft_ihfft2(const Tensor &self, OptionalIntList s = ::std::nullopt, IntList dim = {-2, -1},
    const ::std::optional<::std::string> &norm = ::std::nullopt) {
  return call<Tensor>("aten::fft_ihfft2", {self, s, dim, norm});
}
inline Tensor fft_ihfftn(const Tensor &self, OptionalIntList s = ::std::nullopt, OptionalIntList dim = ::std::nullopt,
    const ::std::optional<::std::string> &norm = ::std::nullopt) {
  return call<Tensor>("aten::fft_ihfftn", {self, s, dim, norm});
}
inline Tensor fft_irfft(const Tensor &self, ::std::optional<int64_t> n = ::std::nullopt, int64_t dim = -1,
    const ::std::optional<::std::string> &norm = ::std::nullopt) {
  return call<Tensor>("aten::fft_irfft", {self, n, dim, norm});
}
inline Tensor fft_irfft2(const Tensor &self, OptionalIntList s = ::std::nullopt, IntList dim = {-2, -1},
    const ::std::optional<::std::string> &norm = ::std::nullopt) {
  return call<Tensor>("aten::fft_irfft2", {self, s, dim, norm});
}
inline Tensor fft_irfftn(const Tensor &self, OptionalIntList s = ::std::nullopt, OptionalIntList dim = ::std::nullopt,
    const ::std::optional<::std::string> &norm = ::std::nullopt) {
  return call<Tensor>("aten::fft_irfftn", {self, s, dim, norm});
}
inline Tensor fft_rfft(const Tensor &self, ::std::optional<int64_t> n = ::std::nullopt, int64_t dim = -1,
    const ::std::optional<::std::string> &norm = ::std::nullopt) {
  return call<Tensor>("aten::fft_rfft", {self, n, dim, norm});
}
inline Tensor fft_rfft2(const Tensor &self, OptionalIntList s = ::std::nullopt, IntList dim = {-2, -1},
    const ::std::optional<::std::string> &norm = ::std::nullopt) {
  return call<Tensor>("aten::fft_rfft2", {self, s, dim, norm});
}
inline Tensor fft_rfftn(const Tensor &self, OptionalIntList s = ::std::nullopt, OptionalIntList dim = ::std::nullopt,
    const ::std::optional<::std::string> &norm = ::std::nullopt) {
  return call<Tensor>("aten::fft_rfftn", {self, s, dim, norm});
}
inline Tensor fill(const Tensor &self, Scalar value) { return call<Tensor>("aten::fill.Scalar", {self, value}); }
inline Tensor fill(const Tensor &self, const Tensor &value) { return call<Tensor>("aten::fill.Tensor", {self, value}); }
inline Tensor fix(const Tensor &self) { return call<Tensor>("aten::fix", {self}); }
inline Tensor flatten(const Tensor &self, int64_t start_dim = 0, int64_t end_dim = -1) {
  return call<Tensor>("aten::flatten.using_ints", {self, start_dim, end_dim});
}
inline Tensor flip(const Tensor &self, IntList dims) { return call<Tensor>("aten::flip", {self, dims}); }
inline Tensor fliplr(const Tensor &self) { return call<Tensor>("aten::fliplr", {self}); }
inline Tensor flipud(const Tensor &self) { return call<Tensor>("aten::flipud", {self}); }
inline Tensor float_power(const Tensor &self, const Tensor &exponent) {
  return call<Tensor>("aten::float_power.Tensor_Tensor", {self, exponent});
}
inline Tensor float_power(const Tensor &self, Scalar exponent) {
  return call<Tensor>("aten::float_power.Tensor_Scalar", {self, exponent});
}
inline Tensor float_power(Scalar self, const Tensor &exponent) { return call<Tensor>("aten::float_power.Scalar", {self, exponent}); }
inline Tensor floor(const Tensor &self) { return call<Tensor>("aten::floor", {self}); }
inline Tensor floor_divide(const Tensor &self, const Tensor &other) { return call<Tensor>("aten::floor_divide", {self, other}); }
inline Tensor floor_divide(const Tensor &self, Scalar other) { return call<Tensor>("aten::floor_divide.Scalar", {self, other}); }
inline Tensor fmax(const Tensor &self, const Tensor &other) { return call<Tensor>("aten::fmax", {self, other}); }
inline Tensor fmin(const Tensor &self, const Tensor &other) { return call<Tensor>("aten::fmin", {self, other}); }
inline Tensor fmod(const Tensor &self, const Tensor &other) { return call<Tensor>("aten::fmod.Tensor", {self, other}); }
inline Tensor fmod(const Tensor &self, Scalar other) { return call<Tensor>("aten::fmod.Scalar", {self, other}); }
inline Tensor frac(const Tensor &self) { return call<Tensor>("aten::frac", {self}); }
inline ::std::tuple<Tensor, Tensor> fractional_max_pool2d(const Tensor &self, IntList kernel_size, IntList output_size,
    const Tensor &random_samples) {
  return call<::std::tuple<Tensor, Tensor>>("aten::fractional_max_pool2d", {self, kernel_size, output_size, random_samples});
}
inline ::std::tuple<Tensor, Tensor> fractional_max_pool3d(const Tensor &self, IntList kernel_size, IntList output_size,
    const Tensor &random_samples) {
  return call<::std::tuple<Tensor, Tensor>>("aten::fractional_max_pool3d", {self, kernel_size, output_size, random_samples});
}
inline ::std::tuple<Tensor, Tensor> frexp(const Tensor &self) {
  return call<::std::tuple<Tensor, Tensor>>("aten::frexp.Tensor", {self});
}
inline Tensor full(IntList size, Scalar fill_value, const TensorOptions &options = {}) {
  return call<Tensor>("aten::full", {size, fill_value, {"dtype", options.dtype_opt()}, {"device", options.device_opt()},
    {"requires_grad", options.requires_grad()}});
}
inline Tensor full_like(const Tensor &self, Scalar fill_value, const TensorOptions &options = {}) {
  return call<Tensor>("aten::full_like", {self, fill_value, {"dtype", options.dtype_opt()}, {"device", options.device_opt()},
    {"requires_grad", options.requires_grad()}});
}
inline Tensor gather(const Tensor &self, int64_t dim, const Tensor &index, Bool sparse_grad = false) {
  return call<Tensor>("aten::gather", {self, dim, index, {"sparse_grad", sparse_grad}});
}
inline Tensor gcd(const Tensor &self, const Tensor &other) { return call<Tensor>("aten::gcd", {self, other}); }
inline Tensor ge(const Tensor &self, const Tensor &other) { return call<Tensor>("aten::ge.Tensor", {self, other}); }
inline Tensor ge(const Tensor &self, Scalar other) { return call<Tensor>("aten::ge.Scalar", {self, other}); }
inline Tensor gelu(const Tensor &self, const ::std::string &approximate = "none") {
  return call<Tensor>("aten::gelu", {self, {"approximate", approximate}});
}
inline ::std::tuple<Tensor, Tensor> geqrf(const Tensor &self) { return call<::std::tuple<Tensor, Tensor>>("aten::geqrf", {self}); }
inline Tensor ger(const Tensor &self, const Tensor &vec2) { return call<Tensor>("aten::ger", {self, vec2}); }
inline Tensor glu(const Tensor &self, int64_t dim = -1) { return call<Tensor>("aten::glu", {self, dim}); }
inline ::std::vector<Tensor> gradient(const Tensor &self, ::std::optional<Scalar> spacing = ::std::nullopt,
    ::std::optional<int64_t> dim = ::std::nullopt, int64_t edge_order = 1) {
  return call<::std::vector<Tensor>>("aten::gradient.scalarint", {self, {"spacing", spacing}, {"dim", dim}, {"edge_order",
    edge_order}});
}
inline ::std::vector<Tensor> gradient(const Tensor &self, Scalar spacing, IntList dim, int64_t edge_order = 1) {
  return call<::std::vector<Tensor>>("aten::gradient.scalararray", {self, {"spacing", spacing}, {"dim", dim}, {"edge_order",
    edge_order}});
}
inline ::std::vector<Tensor> gradient(const Tensor &self, IntList dim, int64_t edge_order = 1) {
  return call<::std::vector<Tensor>>("aten::gradient.array", {self, {"dim", dim}, {"edge_order", edge_order}});
}
inline ::std::vector<Tensor> gradient(const Tensor &self, const ::std::vector<Scalar> &spacing,
    ::std::optional<int64_t> dim = ::std::nullopt, int64_t edge_order = 1) {
  return call<::std::vector<Tensor>>("aten::gradient.scalarrayint", {self, {"spacing", spacing}, {"dim", dim}, {"edge_order",
    edge_order}});
}
inline ::std::vector<Tensor> gradient(const Tensor &self, const ::std::vector<Scalar> &spacing, IntList dim, int64_t edge_order = 1) {
  return call<::std::vector<Tensor>>("aten::gradient.scalarrayarray", {self, {"spacing", spacing}, {"dim", dim}, {"edge_order",
    edge_order}});
}
inline ::std::vector<Tensor> gradient(const Tensor &self, const ::std::vector<Tensor> &spacing,
    ::std::optional<int64_t> dim = ::std::nullopt, int64_t edge_order = 1) {
  return call<::std::vector<Tensor>>("aten::gradient.tensorarrayint", {self, {"spacing", spacing}, {"dim", dim}, {"edge_order",
    edge_order}});
}
inline ::std::vector<Tensor> gradient(const Tensor &self, const ::std::vector<Tensor> &spacing, IntList dim, int64_t edge_order = 1) {
  return call<::std::vector<Tensor>>("aten::gradient.tensorarray", {self, {"spacing", spacing}, {"dim", dim}, {"edge_order",
    edge_order}});
}
inline Tensor greater(const Tensor &self, const Tensor &other) { return call<Tensor>("aten::greater.Tensor", {self, other}); }
inline Tensor greater(const Tensor &self, Scalar other) { return call<Tensor>("aten::greater.Scalar", {self, other}); }
inline Tensor greater_equal(const Tensor &self, const Tensor &other) {
  return call<Tensor>("aten::greater_equal.Tensor", {self, other});
}
inline Tensor greater_equal(const Tensor &self, Scalar other) { return call<Tensor>("aten::greater_equal.Scalar", {self, other}); }
inline Tensor grid_sampler(const Tensor &input, const Tensor &grid, int64_t interpolation_mode, int64_t padding_mode,
    Bool align_corners) {
  return call<Tensor>("aten::grid_sampler", {input, grid, interpolation_mode, padding_mode, align_corners});
}
inline Tensor grid_sampler_2d(const Tensor &input, const Tensor &grid, int64_t interpolation_mode, int64_t padding_mode,
    Bool align_corners) {
  return call<Tensor>("aten::grid_sampler_2d", {input, grid, interpolation_mode, padding_mode, align_corners});
}
inline Tensor grid_sampler_3d(const Tensor &input, const Tensor &grid, int64_t interpolation_mode, int64_t padding_mode,
    Bool align_corners) {
  return call<Tensor>("aten::grid_sampler_3d", {input, grid, interpolation_mode, padding_mode, align_corners});
}
inline Tensor group_norm(const Tensor &input, int64_t num_groups, const ::std::optional<Tensor> &weight = ::std::nullopt,
    const ::std::optional<Tensor> &bias = ::std::nullopt, double eps = 1e-05, Bool cudnn_enabled = true) {
  return call<Tensor>("aten::group_norm", {input, num_groups, weight, bias, eps, cudnn_enabled});
}
inline Tensor gt(const Tensor &self, const Tensor &other) { return call<Tensor>("aten::gt.Tensor", {self, other}); }
inline Tensor gt(const Tensor &self, Scalar other) { return call<Tensor>("aten::gt.Scalar", {self, other}); }
inline Tensor hardshrink(const Tensor &self, Scalar lambd = 0.5) { return call<Tensor>("aten::hardshrink", {self, lambd}); }
inline Tensor hardsigmoid(const Tensor &self) { return call<Tensor>("aten::hardsigmoid", {self}); }
inline Tensor hardswish(const Tensor &self) { return call<Tensor>("aten::hardswish", {self}); }
inline Tensor hardtanh(const Tensor &self, Scalar min_val = -1, Scalar max_val = 1) {
  return call<Tensor>("aten::hardtanh", {self, min_val, max_val});
}
inline Tensor heaviside(const Tensor &self, const Tensor &values) { return call<Tensor>("aten::heaviside", {self, values}); }
inline Tensor histc(const Tensor &self, int64_t bins = 100, Scalar min = 0, Scalar max = 0) {
  return call<Tensor>("aten::histc", {self, bins, min, max});
}
inline ::std::tuple<Tensor, Tensor> histogram(const Tensor &self, int64_t bins = 100,
    const ::std::optional<::std::vector<double>> &range = ::std::nullopt, const ::std::optional<Tensor> &weight = ::std::nullopt,
    Bool density = false) {
  return call<::std::tuple<Tensor, Tensor>>("aten::histogram.bin_ct", {self, bins, {"range", range}, {"weight", weight}, {"density",
    density}});
}
inline ::std::tuple<Tensor, Tensor> histogram(const Tensor &self, const Tensor &bins,
    const ::std::optional<Tensor> &weight = ::std::nullopt, Bool density = false) {
  return call<::std::tuple<Tensor, Tensor>>("aten::histogram.bins_tensor", {self, bins, {"weight", weight}, {"density", density}});
}
inline ::std::tuple<Tensor, ::std::vector<Tensor>> histogramdd(const Tensor &self, IntList bins,
    const ::std::optional<::std::vector<double>> &range = ::std::nullopt, const ::std::optional<Tensor> &weight = ::std::nullopt,
    Bool density = false) {
  return call<::std::tuple<Tensor, ::std::vector<Tensor>>>("aten::histogramdd", {self, bins, range, weight, density});
}
inline ::std::tuple<Tensor, ::std::vector<Tensor>> histogramdd(const Tensor &self, int64_t bins,
    const ::std::optional<::std::vector<double>> &range = ::std::nullopt, const ::std::optional<Tensor> &weight = ::std::nullopt,
    Bool density = false) {
  return call<::std::tuple<Tensor, ::std::vector<Tensor>>>("aten::histogramdd.int_bins", {self, bins, range, weight, density});
}
inline ::std::tuple<Tensor, ::std::vector<Tensor>> histogramdd(const Tensor &self, const ::std::vector<Tensor> &bins,
    const ::std::optional<::std::vector<double>> &range = ::std::nullopt, const ::std::optional<Tensor> &weight = ::std::nullopt,
    Bool density = false) {
  return call<::std::tuple<Tensor, ::std::vector<Tensor>>>("aten::histogramdd.TensorList_bins", {self, bins, range, weight, density});
}
inline ::std::vector<Tensor> hsplit(const Tensor &self, int64_t sections) {
  return call<::std::vector<Tensor>>("aten::hsplit.int", {self, sections});
}
inline ::std::vector<Tensor> hsplit(const Tensor &self, IntList indices) {
  return call<::std::vector<Tensor>>("aten::hsplit.array", {self, indices});
}
inline Tensor hstack(const ::std::vector<Tensor> &tensors) { return call<Tensor>("aten::hstack", {tensors}); }
inline Tensor huber_loss(const Tensor &self, const Tensor &target, int64_t reduction = 1, double delta = 1.0) {
  return call<Tensor>("aten::huber_loss", {self, target, reduction, delta});
}
inline Tensor hypot(const Tensor &self, const Tensor &other) { return call<Tensor>("aten::hypot", {self, other}); }
inline Tensor i0(const Tensor &self) { return call<Tensor>("aten::i0", {self}); }
inline Tensor igamma(const Tensor &self, const Tensor &other) { return call<Tensor>("aten::igamma", {self, other}); }
inline Tensor igammac(const Tensor &self, const Tensor &other) { return call<Tensor>("aten::igammac", {self, other}); }
inline Tensor im2col(const Tensor &self, IntList kernel_size, IntList dilation, IntList padding, IntList stride) {
  return call<Tensor>("aten::im2col", {self, kernel_size, dilation, padding, stride});
}
inline Tensor imag(const Tensor &self) { return call<Tensor>("aten::imag", {self}); }
inline Tensor index_add(const Tensor &self, int64_t dim, const Tensor &index, const Tensor &source, Scalar alpha = 1) {
  return call<Tensor>("aten::index_add", {self, dim, index, source, {"alpha", alpha}});
}
inline Tensor index_copy(const Tensor &self, int64_t dim, const Tensor &index, const Tensor &source) {
  return call<Tensor>("aten::index_copy", {self, dim, index, source});
}
inline Tensor index_fill(const Tensor &self, int64_t dim, const Tensor &index, Scalar value) {
  return call<Tensor>("aten::index_fill.int_Scalar", {self, dim, index, value});
}
inline Tensor index_fill(const Tensor &self, int64_t dim, const Tensor &index, const Tensor &value) {
  return call<Tensor>("aten::index_fill.int_Tensor", {self, dim, index, value});
}
inline Tensor index_reduce(const Tensor &self, int64_t dim, const Tensor &index, const Tensor &source, const ::std::string &reduce,
    Bool include_self = true) {
  return call<Tensor>("aten::index_reduce", {self, dim, index, source, reduce, {"include_self", include_self}});
}
inline Tensor index_select(const Tensor &self, int64_t dim, const Tensor &index) {
  return call<Tensor>("aten::index_select", {self, dim, index});
}
inline Tensor inner(const Tensor &self, const Tensor &other) { return call<Tensor>("aten::inner", {self, other}); }
inline Tensor inverse(const Tensor &self) { return call<Tensor>("aten::inverse", {self}); }
inline Tensor isclose(const Tensor &self, const Tensor &other, double rtol = 1e-05, double atol = 1e-08, Bool equal_nan = false) {
  return call<Tensor>("aten::isclose", {self, other, rtol, atol, equal_nan});
}
inline Tensor isfinite(const Tensor &self) { return call<Tensor>("aten::isfinite", {self}); }
inline Tensor isin(const Tensor &elements, const Tensor &test_elements, Bool assume_unique = false, Bool invert = false) {
  return call<Tensor>("aten::isin.Tensor_Tensor", {elements, test_elements, {"assume_unique", assume_unique}, {"invert", invert}});
}
inline Tensor isin(const Tensor &elements, Scalar test_element, Bool assume_unique = false, Bool invert = false) {
  return call<Tensor>("aten::isin.Tensor_Scalar", {elements, test_element, {"assume_unique", assume_unique}, {"invert", invert}});
}
inline Tensor isin(Scalar element, const Tensor &test_elements, Bool assume_unique = false, Bool invert = false) {
  return call<Tensor>("aten::isin.Scalar_Tensor", {element, test_elements, {"assume_unique", assume_unique}, {"invert", invert}});
}
inline Tensor isinf(const Tensor &self) { return call<Tensor>("aten::isinf", {self}); }
inline Tensor isnan(const Tensor &self) { return call<Tensor>("aten::isnan", {self}); }
inline Tensor isneginf(const Tensor &self) { return call<Tensor>("aten::isneginf", {self}); }
inline Tensor isposinf(const Tensor &self) { return call<Tensor>("aten::isposinf", {self}); }
inline Tensor isreal(const Tensor &self) { return call<Tensor>("aten::isreal", {self}); }
inline Tensor istft(const Tensor &self, int64_t n_fft, ::std::optional<int64_t> hop_length = ::std::nullopt,
    ::std::optional<int64_t> win_length = ::std::nullopt, const ::std::optional<Tensor> &window = ::std::nullopt, Bool center = true,
    Bool normalized = false, ::std::optional<Bool> onesided = ::std::nullopt, ::std::optional<int64_t> length = ::std::nullopt,
    Bool return_complex = false) {
  return call<Tensor>("aten::istft", {self, n_fft, hop_length, win_length, window, center, normalized, onesided, length,
    return_complex});
}
inline Tensor kron(const Tensor &self, const Tensor &other) { return call<Tensor>("aten::kron", {self, other}); }
inline ::std::tuple<Tensor, Tensor> kthvalue(const Tensor &self, int64_t k, int64_t dim = -1, Bool keepdim = false) {
  return call<::std::tuple<Tensor, Tensor>>("aten::kthvalue", {self, k, dim, keepdim});
}
inline Tensor l1_loss(const Tensor &self, const Tensor &target, int64_t reduction = 1) {
  return call<Tensor>("aten::l1_loss", {self, target, reduction});
}
inline Tensor layer_norm(const Tensor &input, IntList normalized_shape, const ::std::optional<Tensor> &weight = ::std::nullopt,
    const ::std::optional<Tensor> &bias = ::std::nullopt, double eps = 1e-05, Bool cudnn_enable = true) {
  return call<Tensor>("aten::layer_norm", {input, normalized_shape, weight, bias, eps, cudnn_enable});
}
inline Tensor lcm(const Tensor &self, const Tensor &other) { return call<Tensor>("aten::lcm", {self, other}); }
inline Tensor ldexp(const Tensor &self, const Tensor &other) { return call<Tensor>("aten::ldexp.Tensor", {self, other}); }
inline Tensor le(const Tensor &self, const Tensor &other) { return call<Tensor>("aten::le.Tensor", {self, other}); }
inline Tensor le(const Tensor &self, Scalar other) { return call<Tensor>("aten::le.Scalar", {self, other}); }
inline Tensor leaky_relu(const Tensor &self, Scalar negative_slope = 0.01) {
  return call<Tensor>("aten::leaky_relu", {self, negative_slope});
}
inline Tensor lerp(const Tensor &self, const Tensor &end, Scalar weight) {
  return call<Tensor>("aten::lerp.Scalar", {self, end, weight});
}
inline Tensor lerp(const Tensor &self, const Tensor &end, const Tensor &weight) {
  return call<Tensor>("aten::lerp.Tensor", {self, end, weight});
}
inline Tensor less(const Tensor &self, const Tensor &other) { return call<Tensor>("aten::less.Tensor", {self, other}); }
inline Tensor less(const Tensor &self, Scalar other) { return call<Tensor>("aten::less.Scalar", {self, other}); }
inline Tensor less_equal(const Tensor &self, const Tensor &other) { return call<Tensor>("aten::less_equal.Tensor", {self, other}); }
inline Tensor less_equal(const Tensor &self, Scalar other) { return call<Tensor>("aten::less_equal.Scalar", {self, other}); }
inline Tensor lgamma(const Tensor &self) { return call<Tensor>("aten::lgamma", {self}); }
inline Tensor linalg_cholesky(const Tensor &self, Bool upper = false) {
  return call<Tensor>("aten::linalg_cholesky", {self, {"upper", upper}});
}
inline ::std::tuple<Tensor, Tensor> linalg_cholesky_ex(const Tensor &self, Bool upper = false, Bool check_errors = false) {
  return call<::std::tuple<Tensor, Tensor>>("aten::linalg_cholesky_ex", {self, {"upper", upper}, {"check_errors", check_errors}});
}
inline Tensor linalg_cond(const Tensor &self, ::std::optional<Scalar> p = ::std::nullopt) {
  return call<Tensor>("aten::linalg_cond", {self, p});
}
inline Tensor linalg_cond(const Tensor &self, const ::std::string &p) { return call<Tensor>("aten::linalg_cond.p_str", {self, p}); }
inline Tensor linalg_cross(const Tensor &self, const Tensor &other, int64_t dim = -1) {
  return call<Tensor>("aten::linalg_cross", {self, other, {"dim", dim}});
}
inline Tensor linalg_det(const Tensor &A) { return call<Tensor>("aten::linalg_det", {A}); }
inline Tensor linalg_diagonal(const Tensor &A, int64_t offset = 0, int64_t dim1 = -2, int64_t dim2 = -1) {
  return call<Tensor>("aten::linalg_diagonal", {A, {"offset", offset}, {"dim1", dim1}, {"dim2", dim2}});
}
inline ::std::tuple<Tensor, Tensor> linalg_eig(const Tensor &self) {
  return call<::std::tuple<Tensor, Tensor>>("aten::linalg_eig", {self});
}
inline ::std::tuple<Tensor, Tensor> linalg_eigh(const Tensor &self, const ::std::string &UPLO = "L") {
  return call<::std::tuple<Tensor, Tensor>>("aten::linalg_eigh", {self, UPLO});
}
inline Tensor linalg_eigvals(const Tensor &self) { return call<Tensor>("aten::linalg_eigvals", {self}); }
inline Tensor linalg_eigvalsh(const Tensor &self, const ::std::string &UPLO = "L") {
  return call<Tensor>("aten::linalg_eigvalsh", {self, UPLO});
}
inline Tensor linalg_householder_product(const Tensor &input, const Tensor &tau) {
  return call<Tensor>("aten::linalg_householder_product", {input, tau});
}
inline Tensor linalg_inv(const Tensor &A) { return call<Tensor>("aten::linalg_inv", {A}); }
inline ::std::tuple<Tensor, Tensor> linalg_inv_ex(const Tensor &A, Bool check_errors = false) {
  return call<::std::tuple<Tensor, Tensor>>("aten::linalg_inv_ex", {A, {"check_errors", check_errors}});
}
inline ::std::tuple<Tensor, Tensor> linalg_ldl_factor(const Tensor &self, Bool hermitian = false) {
  return call<::std::tuple<Tensor, Tensor>>("aten::linalg_ldl_factor", {self, {"hermitian", hermitian}});
}
inline ::std::tuple<Tensor, Tensor, Tensor> linalg_ldl_factor_ex(const Tensor &self, Bool hermitian = false,
    Bool check_errors = false) {
  return call<::std::tuple<Tensor, Tensor, Tensor>>("aten::linalg_ldl_factor_ex", {self, {"hermitian", hermitian}, {"check_errors",
    check_errors}});
}
inline Tensor linalg_ldl_solve(const Tensor &LD, const Tensor &pivots, const Tensor &B, Bool hermitian = false) {
  return call<Tensor>("aten::linalg_ldl_solve", {LD, pivots, B, {"hermitian", hermitian}});
}
inline ::std::tuple<Tensor, Tensor, Tensor, Tensor> linalg_lstsq(const Tensor &self, const Tensor &b,
    ::std::optional<double> rcond = ::std::nullopt, const ::std::optional<::std::string> &driver = ::std::nullopt) {
  return call<::std::tuple<Tensor, Tensor, Tensor, Tensor>>("aten::linalg_lstsq", {self, b, rcond, {"driver", driver}});
}
inline ::std::tuple<Tensor, Tensor, Tensor> linalg_lu(const Tensor &A, Bool pivot = true) {
  return call<::std::tuple<Tensor, Tensor, Tensor>>("aten::linalg_lu", {A, {"pivot", pivot}});
}
inline ::std::tuple<Tensor, Tensor> linalg_lu_factor(const Tensor &A, Bool pivot = true) {
  return call<::std::tuple<Tensor, Tensor>>("aten::linalg_lu_factor", {A, {"pivot", pivot}});
}
inline ::std::tuple<Tensor, Tensor, Tensor> linalg_lu_factor_ex(const Tensor &A, Bool pivot = true, Bool check_errors = false) {
  return call<::std::tuple<Tensor, Tensor, Tensor>>("aten::linalg_lu_factor_ex", {A, {"pivot", pivot}, {"check_errors",
    check_errors}});
}
inline Tensor linalg_lu_solve(const Tensor &LU, const Tensor &pivots, const Tensor &B, Bool left = true, Bool adjoint = false) {
  return call<Tensor>("aten::linalg_lu_solve", {LU, pivots, B, {"left", left}, {"adjoint", adjoint}});
}
inline Tensor linalg_matmul(const Tensor &self, const Tensor &other) { return call<Tensor>("aten::linalg_matmul", {self, other}); }
inline Tensor linalg_matrix_exp(const Tensor &self) { return call<Tensor>("aten::linalg_matrix_exp", {self}); }
inline Tensor linalg_matrix_norm(const Tensor &self, Scalar ord, IntList dim = {-2, -1}, Bool keepdim = false,
    ::std::optional<DType> dtype = ::std::nullopt) {
  return call<Tensor>("aten::linalg_matrix_norm", {self, ord, dim, keepdim, {"dtype", dtype}});
}
inline Tensor linalg_matrix_norm(const Tensor &self, const ::std::string &ord = "fro", IntList dim = {-2, -1}, Bool keepdim = false,
    ::std::optional<DType> dtype = ::std::nullopt) {
  return call<Tensor>("aten::linalg_matrix_norm.str_ord", {self, ord, dim, keepdim, {"dtype", dtype}});
}
inline Tensor linalg_matrix_power(const Tensor &self, int64_t n) { return call<Tensor>("aten::linalg_matrix_power", {self, n}); }
inline Tensor linalg_matrix_rank(const Tensor &input, const ::std::optional<Tensor> &atol = ::std::nullopt,
    const ::std::optional<Tensor> &rtol = ::std::nullopt, Bool hermitian = false) {
  return call<Tensor>("aten::linalg_matrix_rank.atol_rtol_tensor", {input, {"atol", atol}, {"rtol", rtol}, {"hermitian", hermitian}});
}
inline Tensor linalg_matrix_rank(const Tensor &self, ::std::optional<double> atol, ::std::optional<double> rtol = ::std::nullopt,
    Bool hermitian = false) {
  return call<Tensor>("aten::linalg_matrix_rank.atol_rtol_float", {self, {"atol", atol}, {"rtol", rtol}, {"hermitian", hermitian}});
}
inline Tensor linalg_matrix_sqrth(const Tensor &self) { return call<Tensor>("aten::linalg_matrix_sqrth", {self}); }
inline Tensor linalg_multi_dot(const ::std::vector<Tensor> &tensors) { return call<Tensor>("aten::linalg_multi_dot", {tensors}); }
inline Tensor linalg_norm(const Tensor &self, ::std::optional<Scalar> ord = ::std::nullopt, OptionalIntList dim = ::std::nullopt,
    Bool keepdim = false, ::std::optional<DType> dtype = ::std::nullopt) {
  return call<Tensor>("aten::linalg_norm", {self, ord, dim, keepdim, {"dtype", dtype}});
}
inline Tensor linalg_norm(const Tensor &self, const ::std::string &ord, OptionalIntList dim = ::std::nullopt, Bool keepdim = false,
    ::std::optional<DType> dtype = ::std::nullopt) {
  return call<Tensor>("aten::linalg_norm.ord_str", {self, ord, dim, keepdim, {"dtype", dtype}});
}
inline Tensor linalg_pinv(const Tensor &self, const ::std::optional<Tensor> &atol = ::std::nullopt,
    const ::std::optional<Tensor> &rtol = ::std::nullopt, Bool hermitian = false) {
  return call<Tensor>("aten::linalg_pinv.atol_rtol_tensor", {self, {"atol", atol}, {"rtol", rtol}, {"hermitian", hermitian}});
}
inline Tensor linalg_pinv(const Tensor &self, ::std::optional<double> atol, ::std::optional<double> rtol = ::std::nullopt,
    Bool hermitian = false) {
  return call<Tensor>("aten::linalg_pinv.atol_rtol_float", {self, {"atol", atol}, {"rtol", rtol}, {"hermitian", hermitian}});
}
inline Tensor linalg_pinv(const Tensor &self, double rcond, Bool hermitian = false) {
  return call<Tensor>("aten::linalg_pinv", {self, rcond, hermitian});
}
inline ::std::tuple<Tensor, Tensor> linalg_polar(const Tensor &A) {
  return call<::std::tuple<Tensor, Tensor>>("aten::linalg_polar", {A});
}
inline ::std::tuple<Tensor, Tensor> linalg_qr(const Tensor &A, const ::std::string &mode = "reduced") {
  return call<::std::tuple<Tensor, Tensor>>("aten::linalg_qr", {A, mode});
}
inline ::std::tuple<Tensor, Tensor> linalg_slogdet(const Tensor &A) {
  return call<::std::tuple<Tensor, Tensor>>("aten::linalg_slogdet", {A});
}
inline Tensor linalg_solve(const Tensor &A, const Tensor &B, Bool left = true) {
  return call<Tensor>("aten::linalg_solve", {A, B, {"left", left}});
}
inline ::std::tuple<Tensor, Tensor> linalg_solve_ex(const Tensor &A, const Tensor &B, Bool left = true, Bool check_errors = false) {
  return call<::std::tuple<Tensor, Tensor>>("aten::linalg_solve_ex", {A, B, {"left", left}, {"check_errors", check_errors}});
}
inline Tensor linalg_solve_triangular(const Tensor &self, const Tensor &B, Bool upper, Bool left = true, Bool unitriangular = false) {
  return call<Tensor>("aten::linalg_solve_triangular", {self, B, {"upper", upper}, {"left", left}, {"unitriangular", unitriangular}});
}
inline ::std::tuple<Tensor, Tensor, Tensor> linalg_svd(const Tensor &A, Bool full_matrices = true,
    const ::std::optional<::std::string> &driver = ::std::nullopt) {
  return call<::std::tuple<Tensor, Tensor, Tensor>>("aten::linalg_svd", {A, full_matrices, {"driver", driver}});
}
inline Tensor linalg_svdvals(const Tensor &A, const ::std::optional<::std::string> &driver = ::std::nullopt) {
  return call<Tensor>("aten::linalg_svdvals", {A, {"driver", driver}});
}
inline Tensor linalg_tensorinv(const Tensor &self, int64_t ind = 2) { return call<Tensor>("aten::linalg_tensorinv", {self, ind}); }
inline Tensor linalg_tensorsolve(const Tensor &self, const Tensor &other, OptionalIntList dims = ::std::nullopt) {
  return call<Tensor>("aten::linalg_tensorsolve", {self, other, dims});
}
inline Tensor linalg_vander(const Tensor &x, ::std::optional<int64_t> N = ::std::nullopt) {
  return call<Tensor>("aten::linalg_vander", {x, {"N", N}});
}
inline Tensor linalg_vecdot(const Tensor &x, const Tensor &y, int64_t dim = -1) {
  return call<Tensor>("aten::linalg_vecdot", {x, y, {"dim", dim}});
}
inline Tensor linalg_vector_norm(const Tensor &self, Scalar ord = 2, OptionalIntList dim = ::std::nullopt, Bool keepdim = false,
    ::std::optional<DType> dtype = ::std::nullopt) {
  return call<Tensor>("aten::linalg_vector_norm", {self, ord, dim, keepdim, {"dtype", dtype}});
}
inline Tensor linear(const Tensor &input, const Tensor &weight, const ::std::optional<Tensor> &bias = ::std::nullopt) {
  return call<Tensor>("aten::linear", {input, weight, bias});
}
inline Tensor linspace(Scalar start, Scalar end, int64_t steps, const TensorOptions &options = {}) {
  return call<Tensor>("aten::linspace", {start, end, steps, {"dtype", options.dtype_opt()}, {"device", options.device_opt()},
    {"requires_grad", options.requires_grad()}});
}
inline Tensor linspace(const Tensor &start, const Tensor &end, int64_t steps, const TensorOptions &options = {}) {
  return call<Tensor>("aten::linspace.Tensor_Tensor", {start, end, steps, {"dtype", options.dtype_opt()}, {"device",
    options.device_opt()}, {"requires_grad", options.requires_grad()}});
}
inline Tensor linspace(const Tensor &start, Scalar end, int64_t steps, const TensorOptions &options = {}) {
  return call<Tensor>("aten::linspace.Tensor_Scalar", {start, end, steps, {"dtype", options.dtype_opt()}, {"device",
    options.device_opt()}, {"requires_grad", options.requires_grad()}});
}
inline Tensor linspace(Scalar start, const Tensor &end, int64_t steps, const TensorOptions &options = {}) {
  return call<Tensor>("aten::linspace.Scalar_Tensor", {start, end, steps, {"dtype", options.dtype_opt()}, {"device",
    options.device_opt()}, {"requires_grad", options.requires_grad()}});
}
inline Tensor log(const Tensor &self) { return call<Tensor>("aten::log", {self}); }
inline Tensor log10(const Tensor &self) { return call<Tensor>("aten::log10", {self}); }
inline Tensor log1p(const Tensor &self) { return call<Tensor>("aten::log1p", {self}); }
inline Tensor log2(const Tensor &self) { return call<Tensor>("aten::log2", {self}); }
inline Tensor log_sigmoid(const Tensor &self) { return call<Tensor>("aten::log_sigmoid", {self}); }
inline Tensor log_softmax(const Tensor &self, int64_t dim, ::std::optional<DType> dtype = ::std::nullopt) {
  return call<Tensor>("aten::log_softmax.int", {self, dim, dtype});
}
inline Tensor logaddexp(const Tensor &self, const Tensor &other) { return call<Tensor>("aten::logaddexp", {self, other}); }
inline Tensor logaddexp2(const Tensor &self, const Tensor &other) { return call<Tensor>("aten::logaddexp2", {self, other}); }
inline Tensor logcumsumexp(const Tensor &self, int64_t dim) { return call<Tensor>("aten::logcumsumexp", {self, dim}); }
inline Tensor logdet(const Tensor &self) { return call<Tensor>("aten::logdet", {self}); }
inline Tensor logical_and(const Tensor &self, const Tensor &other) { return call<Tensor>("aten::logical_and", {self, other}); }
inline Tensor logical_not(const Tensor &self) { return call<Tensor>("aten::logical_not", {self}); }
inline Tensor logical_or(const Tensor &self, const Tensor &other) { return call<Tensor>("aten::logical_or", {self, other}); }
inline Tensor logical_xor(const Tensor &self, const Tensor &other) { return call<Tensor>("aten::logical_xor", {self, other}); }
inline Tensor logit(const Tensor &self, ::std::optional<double> eps = ::std::nullopt) {
  return call<Tensor>("aten::logit", {self, eps});
}
inline Tensor logspace(Scalar start, Scalar end, int64_t steps, double base = 10.0, const TensorOptions &options = {}) {
  return call<Tensor>("aten::logspace", {start, end, steps, base, {"dtype", options.dtype_opt()}, {"device", options.device_opt()},
    {"requires_grad", options.requires_grad()}});
}
inline Tensor logspace(const Tensor &start, const Tensor &end, int64_t steps, double base = 10.0, const TensorOptions &options = {}) {
  return call<Tensor>("aten::logspace.Tensor_Tensor", {start, end, steps, base, {"dtype", options.dtype_opt()}, {"device",
    options.device_opt()}, {"requires_grad", options.requires_grad()}});
}
inline Tensor logspace(const Tensor &start, Scalar end, int64_t steps, double base = 10.0, const TensorOptions &options = {}) {
  return call<Tensor>("aten::logspace.Tensor_Scalar", {start, end, steps, base, {"dtype", options.dtype_opt()}, {"device",
    options.device_opt()}, {"requires_grad", options.requires_grad()}});
}
inline Tensor logspace(Scalar start, const Tensor &end, int64_t steps, double base = 10.0, const TensorOptions &options = {}) {
  return call<Tensor>("aten::logspace.Scalar_Tensor", {start, end, steps, base, {"dtype", options.dtype_opt()}, {"device",
    options.device_opt()}, {"requires_grad", options.requires_grad()}});
}
inline Tensor logsumexp(const Tensor &self, IntList dim, Bool keepdim = false) {
  return call<Tensor>("aten::logsumexp", {self, dim, keepdim});
}
inline Tensor lt(const Tensor &self, const Tensor &other) { return call<Tensor>("aten::lt.Tensor", {self, other}); }
inline Tensor lt(const Tensor &self, Scalar other) { return call<Tensor>("aten::lt.Scalar", {self, other}); }
inline Tensor lu_solve(const Tensor &self, const Tensor &LU_data, const Tensor &LU_pivots) {
  return call<Tensor>("aten::lu_solve", {self, LU_data, LU_pivots});
}
inline ::std::tuple<Tensor, Tensor, Tensor> lu_unpack(const Tensor &LU_data, const Tensor &LU_pivots, Bool unpack_data = true,
    Bool unpack_pivots = true) {
  return call<::std::tuple<Tensor, Tensor, Tensor>>("aten::lu_unpack", {LU_data, LU_pivots, unpack_data, unpack_pivots});
}
inline Tensor mH(const Tensor &self) { return call<Tensor>("aten::mH", {self}); }
inline Tensor mT(const Tensor &self) { return call<Tensor>("aten::mT", {self}); }
inline Tensor masked_fill(const Tensor &self, const Tensor &mask, Scalar value) {
  return call<Tensor>("aten::masked_fill.Scalar", {self, mask, value});
}
inline Tensor masked_fill(const Tensor &self, const Tensor &mask, const Tensor &value) {
  return call<Tensor>("aten::masked_fill.Tensor", {self, mask, value});
}
inline Tensor masked_scatter(const Tensor &self, const Tensor &mask, const Tensor &source) {
  return call<Tensor>("aten::masked_scatter", {self, mask, source});
}
inline Tensor masked_select(const Tensor &self, const Tensor &mask) { return call<Tensor>("aten::masked_select", {self, mask}); }
inline Tensor matmul(const Tensor &self, const Tensor &other) { return call<Tensor>("aten::matmul", {self, other}); }
inline Tensor matrix_H(const Tensor &self) { return call<Tensor>("aten::matrix_H", {self}); }
inline Tensor matrix_exp(const Tensor &self) { return call<Tensor>("aten::matrix_exp", {self}); }
inline Tensor matrix_power(const Tensor &self, int64_t n) { return call<Tensor>("aten::matrix_power", {self, n}); }
inline Tensor max(const Tensor &self) { return call<Tensor>("aten::max", {self}); }
inline Tensor max(const Tensor &self, const Tensor &other) { return call<Tensor>("aten::max.other", {self, other}); }
inline ::std::tuple<Tensor, Tensor> max(const Tensor &self, int64_t dim, Bool keepdim = false) {
  return call<::std::tuple<Tensor, Tensor>>("aten::max.dim", {self, dim, keepdim});
}
inline ::std::tuple<Tensor, Tensor> max_pool1d_with_indices(const Tensor &self, IntList kernel_size, IntList stride = {},
    IntList padding = 0, IntList dilation = 1, Bool ceil_mode = false) {
  return call<::std::tuple<Tensor, Tensor>>("aten::max_pool1d_with_indices", {self, kernel_size, stride, padding, dilation,
    ceil_mode});
}
inline ::std::tuple<Tensor, Tensor> max_pool2d_with_indices(const Tensor &self, IntList kernel_size, IntList stride = {},
    IntList padding = 0, IntList dilation = 1, Bool ceil_mode = false) {
  return call<::std::tuple<Tensor, Tensor>>("aten::max_pool2d_with_indices", {self, kernel_size, stride, padding, dilation,
    ceil_mode});
}
inline Tensor max_pool2d_with_indices_backward(const Tensor &grad_output, const Tensor &self, IntList kernel_size, IntList stride,
    IntList padding, IntList dilation, Bool ceil_mode, const Tensor &indices) {
  return call<Tensor>("aten::max_pool2d_with_indices_backward", {grad_output, self, kernel_size, stride, padding, dilation, ceil_mode,
    indices});
}
inline ::std::tuple<Tensor, Tensor> max_pool3d_with_indices(const Tensor &self, IntList kernel_size, IntList stride = {},
    IntList padding = 0, IntList dilation = 1, Bool ceil_mode = false) {
  return call<::std::tuple<Tensor, Tensor>>("aten::max_pool3d_with_indices", {self, kernel_size, stride, padding, dilation,
    ceil_mode});
}
inline Tensor maximum(const Tensor &self, const Tensor &other) { return call<Tensor>("aten::maximum", {self, other}); }
inline Tensor mean(const Tensor &self, ::std::optional<DType> dtype = ::std::nullopt) {
  return call<Tensor>("aten::mean", {self, {"dtype", dtype}});
}
inline Tensor mean(const Tensor &self, OptionalIntList dim, Bool keepdim = false, ::std::optional<DType> dtype = ::std::nullopt) {
  return call<Tensor>("aten::mean.dim", {self, dim, keepdim, {"dtype", dtype}});
}
inline Tensor median(const Tensor &self) { return call<Tensor>("aten::median", {self}); }
inline ::std::tuple<Tensor, Tensor> median(const Tensor &self, int64_t dim, Bool keepdim = false) {
  return call<::std::tuple<Tensor, Tensor>>("aten::median.dim", {self, dim, keepdim});
}
inline Tensor min(const Tensor &self) { return call<Tensor>("aten::min", {self}); }
inline Tensor min(const Tensor &self, const Tensor &other) { return call<Tensor>("aten::min.other", {self, other}); }
inline ::std::tuple<Tensor, Tensor> min(const Tensor &self, int64_t dim, Bool keepdim = false) {
  return call<::std::tuple<Tensor, Tensor>>("aten::min.dim", {self, dim, keepdim});
}
inline Tensor minimum(const Tensor &self, const Tensor &other) { return call<Tensor>("aten::minimum", {self, other}); }
inline Tensor mish(const Tensor &self) { return call<Tensor>("aten::mish", {self}); }
inline Tensor mm(const Tensor &self, const Tensor &mat2) { return call<Tensor>("aten::mm", {self, mat2}); }
inline ::std::tuple<Tensor, Tensor> mode(const Tensor &self, int64_t dim = -1, Bool keepdim = false) {
  return call<::std::tuple<Tensor, Tensor>>("aten::mode", {self, dim, keepdim});
}
inline Tensor moveaxis(const Tensor &self, int64_t source, int64_t destination) {
  return call<Tensor>("aten::moveaxis.int", {self, source, destination});
}
inline Tensor moveaxis(const Tensor &self, IntList source, IntList destination) {
  return call<Tensor>("aten::moveaxis.intlist", {self, source, destination});
}
inline Tensor movedim(const Tensor &self, int64_t source, int64_t destination) {
  return call<Tensor>("aten::movedim.int", {self, source, destination});
}
inline Tensor movedim(const Tensor &self, IntList source, IntList destination) {
  return call<Tensor>("aten::movedim.intlist", {self, source, destination});
}
inline Tensor mse_loss(const Tensor &self, const Tensor &target, int64_t reduction = 1) {
  return call<Tensor>("aten::mse_loss", {self, target, reduction});
}
inline Tensor msort(const Tensor &self) { return call<Tensor>("aten::msort", {self}); }
inline Tensor mul(const Tensor &self, const Tensor &other) { return call<Tensor>("aten::mul.Tensor", {self, other}); }
inline Tensor mul(const Tensor &self, Scalar other) { return call<Tensor>("aten::mul.Scalar", {self, other}); }
inline Tensor multinomial(const Tensor &self, int64_t num_samples, Bool replacement = false,
    const ::std::optional<Generator> &generator = ::std::nullopt) {
  return call<Tensor>("aten::multinomial", {self, num_samples, replacement, {"generator", generator}});
}
inline Tensor multiply(const Tensor &self, const Tensor &other) { return call<Tensor>("aten::multiply.Tensor", {self, other}); }
inline Tensor multiply(const Tensor &self, Scalar other) { return call<Tensor>("aten::multiply.Scalar", {self, other}); }
inline Tensor mv(const Tensor &self, const Tensor &vec) { return call<Tensor>("aten::mv", {self, vec}); }
inline Tensor mvlgamma(const Tensor &self, int64_t p) { return call<Tensor>("aten::mvlgamma", {self, p}); }
inline Tensor nan_to_num(const Tensor &self, ::std::optional<double> nan = ::std::nullopt,
    ::std::optional<double> posinf = ::std::nullopt, ::std::optional<double> neginf = ::std::nullopt) {
  return call<Tensor>("aten::nan_to_num", {self, nan, posinf, neginf});
}
inline Tensor nanmean(const Tensor &self, OptionalIntList dim = ::std::nullopt, Bool keepdim = false,
    ::std::optional<DType> dtype = ::std::nullopt) {
  return call<Tensor>("aten::nanmean", {self, dim, keepdim, {"dtype", dtype}});
}
inline Tensor nanmedian(const Tensor &self) { return call<Tensor>("aten::nanmedian", {self}); }
inline ::std::tuple<Tensor, Tensor> nanmedian(const Tensor &self, int64_t dim, Bool keepdim = false) {
  return call<::std::tuple<Tensor, Tensor>>("aten::nanmedian.dim", {self, dim, keepdim});
}
inline Tensor nanquantile(const Tensor &self, const Tensor &q, ::std::optional<int64_t> dim = ::std::nullopt, Bool keepdim = false,
    const ::std::string &interpolation = "linear") {
  return call<Tensor>("aten::nanquantile", {self, q, dim, keepdim, {"interpolation", interpolation}});
}
inline Tensor nanquantile(const Tensor &self, double q, ::std::optional<int64_t> dim = ::std::nullopt, Bool keepdim = false,
    const ::std::string &interpolation = "linear") {
  return call<Tensor>("aten::nanquantile.scalar", {self, q, dim, keepdim, {"interpolation", interpolation}});
}
inline Tensor nansum(const Tensor &self, OptionalIntList dim = ::std::nullopt, Bool keepdim = false,
    ::std::optional<DType> dtype = ::std::nullopt) {
  return call<Tensor>("aten::nansum", {self, dim, keepdim, {"dtype", dtype}});
}
inline Tensor narrow(const Tensor &self, int64_t dim, int64_t start, int64_t length) {
  return call<Tensor>("aten::narrow", {self, dim, start, length});
}
inline Tensor narrow(const Tensor &self, int64_t dim, const Tensor &start, int64_t length) {
  return call<Tensor>("aten::narrow.Tensor", {self, dim, start, length});
}
inline Tensor narrow_copy(const Tensor &self, int64_t dim, int64_t start, int64_t length) {
  return call<Tensor>("aten::narrow_copy", {self, dim, start, length});
}
inline ::std::tuple<Tensor, Tensor, Tensor> native_batch_norm(const Tensor &input, const ::std::optional<Tensor> &weight,
    const ::std::optional<Tensor> &bias, const ::std::optional<Tensor> &running_mean, const ::std::optional<Tensor> &running_var,
    Bool training, double momentum, double eps) {
  return call<::std::tuple<Tensor, Tensor, Tensor>>("aten::native_batch_norm", {input, weight, bias, running_mean, running_var,
    training, momentum, eps});
}
inline Tensor native_dropout_backward(const Tensor &grad_output, const Tensor &mask, double scale) {
  return call<Tensor>("aten::native_dropout_backward", {grad_output, mask, scale});
}
inline ::std::tuple<Tensor, Tensor, Tensor> native_group_norm(const Tensor &input, const ::std::optional<Tensor> &weight,
    const ::std::optional<Tensor> &bias, int64_t N, int64_t C, int64_t HxW, int64_t group, double eps) {
  return call<::std::tuple<Tensor, Tensor, Tensor>>("aten::native_group_norm", {input, weight, bias, N, C, HxW, group, eps});
}
inline ::std::tuple<Tensor, Tensor, Tensor> native_layer_norm(const Tensor &input, IntList normalized_shape,
    const ::std::optional<Tensor> &weight, const ::std::optional<Tensor> &bias, double eps) {
  return call<::std::tuple<Tensor, Tensor, Tensor>>("aten::native_layer_norm", {input, normalized_shape, weight, bias, eps});
}
inline Tensor ne(const Tensor &self, const Tensor &other) { return call<Tensor>("aten::ne.Tensor", {self, other}); }
inline Tensor ne(const Tensor &self, Scalar other) { return call<Tensor>("aten::ne.Scalar", {self, other}); }
inline Tensor neg(const Tensor &self) { return call<Tensor>("aten::neg", {self}); }
inline Tensor negative(const Tensor &self) { return call<Tensor>("aten::negative", {self}); }
inline Tensor new_empty(const Tensor &self, IntList size, const TensorOptions &options = {}) {
  return call<Tensor>("aten::new_empty", {self, size, {"dtype", options.dtype_opt()}, {"device", options.device_opt()},
    {"requires_grad", options.requires_grad()}});
}
inline Tensor new_empty_strided(const Tensor &self, IntList size, IntList stride, const TensorOptions &options = {}) {
  return call<Tensor>("aten::new_empty_strided", {self, size, stride, {"dtype", options.dtype_opt()}, {"device", options.device_opt()},
    {"requires_grad", options.requires_grad()}});
}
inline Tensor new_full(const Tensor &self, IntList size, Scalar fill_value, const TensorOptions &options = {}) {
  return call<Tensor>("aten::new_full", {self, size, fill_value, {"dtype", options.dtype_opt()}, {"device", options.device_opt()},
    {"requires_grad", options.requires_grad()}});
}
inline Tensor new_ones(const Tensor &self, IntList size, const TensorOptions &options = {}) {
  return call<Tensor>("aten::new_ones", {self, size, {"dtype", options.dtype_opt()}, {"device", options.device_opt()},
    {"requires_grad", options.requires_grad()}});
}
inline Tensor new_zeros(const Tensor &self, IntList size, const TensorOptions &options = {}) {
  return call<Tensor>("aten::new_zeros", {self, size, {"dtype", options.dtype_opt()}, {"device", options.device_opt()},
    {"requires_grad", options.requires_grad()}});
}
inline Tensor nextafter(const Tensor &self, const Tensor &other) { return call<Tensor>("aten::nextafter", {self, other}); }
inline Tensor nonzero(const Tensor &self) { return call<Tensor>("aten::nonzero", {self}); }
inline ::std::vector<Tensor> nonzero_numpy(const Tensor &self) { return call<::std::vector<Tensor>>("aten::nonzero_numpy", {self}); }
inline Tensor nonzero_static(const Tensor &self, int64_t size, int64_t fill_value = -1) {
  return call<Tensor>("aten::nonzero_static", {self, {"size", size}, {"fill_value", fill_value}});
}
inline Tensor norm(const Tensor &self, Scalar p = 2) { return call<Tensor>("aten::norm.Scalar", {self, p}); }
inline Tensor norm(const Tensor &self, ::std::optional<Scalar> p, DType dtype) {
  return call<Tensor>("aten::norm.ScalarOpt_dtype", {self, p, {"dtype", dtype}});
}
inline Tensor norm(const Tensor &self, ::std::optional<Scalar> p, IntList dim, Bool keepdim = false) {
  return call<Tensor>("aten::norm.ScalarOpt_dim", {self, p, dim, keepdim});
}
inline Tensor norm(const Tensor &self, ::std::optional<Scalar> p, IntList dim, Bool keepdim, DType dtype) {
  return call<Tensor>("aten::norm.ScalarOpt_dim_dtype", {self, p, dim, keepdim, {"dtype", dtype}});
}
inline Tensor normal(const Tensor &mean, const Tensor &std, const ::std::optional<Generator> &generator = ::std::nullopt) {
  return call<Tensor>("aten::normal.Tensor_Tensor", {mean, std, {"generator", generator}});
}
inline Tensor normal(const Tensor &mean, double std = 1.0, const ::std::optional<Generator> &generator = ::std::nullopt) {
  return call<Tensor>("aten::normal.Tensor_float", {mean, std, {"generator", generator}});
}
inline Tensor normal(double mean, double std, IntList size, const ::std::optional<Generator> &generator = ::std::nullopt,
    const TensorOptions &options = {}) {
  return call<Tensor>("aten::normal.float_float", {mean, std, size, {"generator", generator}, {"dtype", options.dtype_opt()},
    {"device", options.device_opt()}});
}
inline Tensor not_equal(const Tensor &self, const Tensor &other) { return call<Tensor>("aten::not_equal.Tensor", {self, other}); }
inline Tensor not_equal(const Tensor &self, Scalar other) { return call<Tensor>("aten::not_equal.Scalar", {self, other}); }
inline Tensor numpy_T(const Tensor &self) { return call<Tensor>("aten::numpy_T", {self}); }
inline Tensor one_hot(const Tensor &self, int64_t num_classes = -1) { return call<Tensor>("aten::one_hot", {self, num_classes}); }
inline Tensor ones(IntList size, const TensorOptions &options = {}) {
  return call<Tensor>("aten::ones", {size, {"dtype", options.dtype_opt()}, {"device", options.device_opt()}, {"requires_grad",
    options.requires_grad()}});
}
inline Tensor ones_like(const Tensor &self, const TensorOptions &options = {}) {
  return call<Tensor>("aten::ones_like", {self, {"dtype", options.dtype_opt()}, {"device", options.device_opt()}, {"requires_grad",
    options.requires_grad()}});
}
inline Tensor orgqr(const Tensor &self, const Tensor &input2) { return call<Tensor>("aten::orgqr", {self, input2}); }
inline Tensor ormqr(const Tensor &self, const Tensor &input2, const Tensor &input3, Bool left = true, Bool transpose = false) {
  return call<Tensor>("aten::ormqr", {self, input2, input3, left, transpose});
}
inline Tensor outer(const Tensor &self, const Tensor &vec2) { return call<Tensor>("aten::outer", {self, vec2}); }
inline Tensor pairwise_distance(const Tensor &x1, const Tensor &x2, double p = 2.0, double eps = 1e-06, Bool keepdim = false) {
  return call<Tensor>("aten::pairwise_distance", {x1, x2, p, eps, keepdim});
}
inline Tensor pdist(const Tensor &self, double p = 2.0) { return call<Tensor>("aten::pdist", {self, p}); }
inline Tensor permute(const Tensor &self, IntList dims) { return call<Tensor>("aten::permute", {self, dims}); }
inline Tensor permute_copy(const Tensor &self, IntList dims) { return call<Tensor>("aten::permute_copy", {self, dims}); }
inline Tensor pinverse(const Tensor &self, double rcond = 1e-15) { return call<Tensor>("aten::pinverse", {self, rcond}); }
inline Tensor pixel_shuffle(const Tensor &self, int64_t upscale_factor) {
  return call<Tensor>("aten::pixel_shuffle", {self, upscale_factor});
}
inline Tensor pixel_unshuffle(const Tensor &self, int64_t downscale_factor) {
  return call<Tensor>("aten::pixel_unshuffle", {self, downscale_factor});
}
inline Tensor polar(const Tensor &abs, const Tensor &angle) { return call<Tensor>("aten::polar", {abs, angle}); }
inline Tensor polygamma(int64_t n, const Tensor &self) { return call<Tensor>("aten::polygamma", {n, self}); }
inline Tensor positive(const Tensor &self) { return call<Tensor>("aten::positive", {self}); }
inline Tensor pow(const Tensor &self, const Tensor &exponent) { return call<Tensor>("aten::pow.Tensor_Tensor", {self, exponent}); }
inline Tensor pow(const Tensor &self, Scalar exponent) { return call<Tensor>("aten::pow.Tensor_Scalar", {self, exponent}); }
inline Tensor pow(Scalar self, const Tensor &exponent) { return call<Tensor>("aten::pow.Scalar", {self, exponent}); }
inline Tensor prelu(const Tensor &self, const Tensor &weight) { return call<Tensor>("aten::prelu", {self, weight}); }
inline Tensor prod(const Tensor &self, ::std::optional<DType> dtype = ::std::nullopt) {
  return call<Tensor>("aten::prod", {self, {"dtype", dtype}});
}
inline Tensor prod(const Tensor &self, int64_t dim, Bool keepdim = false, ::std::optional<DType> dtype = ::std::nullopt) {
  return call<Tensor>("aten::prod.dim_int", {self, dim, keepdim, {"dtype", dtype}});
}
inline Tensor put(const Tensor &self, const Tensor &index, const Tensor &source, Bool accumulate = false) {
  return call<Tensor>("aten::put", {self, index, source, accumulate});
}
inline ::std::tuple<Tensor, Tensor> qr(const Tensor &self, Bool some = true) {
  return call<::std::tuple<Tensor, Tensor>>("aten::qr", {self, some});
}
inline Tensor quantile(const Tensor &self, const Tensor &q, ::std::optional<int64_t> dim = ::std::nullopt, Bool keepdim = false,
    const ::std::string &interpolation = "linear") {
  return call<Tensor>("aten::quantile", {self, q, dim, keepdim, {"interpolation", interpolation}});
}
inline Tensor quantile(const Tensor &self, double q, ::std::optional<int64_t> dim = ::std::nullopt, Bool keepdim = false,
    const ::std::string &interpolation = "linear") {
  return call<Tensor>("aten::quantile.scalar", {self, q, dim, keepdim, {"interpolation", interpolation}});
}
inline Tensor rad2deg(const Tensor &self) { return call<Tensor>("aten::rad2deg", {self}); }
inline Tensor rand(IntList size, const TensorOptions &options = {}) {
  return call<Tensor>("aten::rand", {size, {"dtype", options.dtype_opt()}, {"device", options.device_opt()}, {"requires_grad",
    options.requires_grad()}});
}
inline Tensor rand_like(const Tensor &self, const TensorOptions &options = {}) {
  return call<Tensor>("aten::rand_like", {self, {"dtype", options.dtype_opt()}, {"device", options.device_opt()}, {"requires_grad",
    options.requires_grad()}});
}
inline Tensor randint(int64_t high, IntList size, const TensorOptions &options = {}) {
  return call<Tensor>("aten::randint", {high, size, {"dtype", options.dtype_opt()}, {"device", options.device_opt()}, {"requires_grad",
    options.requires_grad()}});
}
inline Tensor randint(int64_t low, int64_t high, IntList size, const TensorOptions &options = {}) {
  return call<Tensor>("aten::randint.low", {low, high, size, {"dtype", options.dtype_opt()}, {"device", options.device_opt()},
    {"requires_grad", options.requires_grad()}});
}
inline Tensor randint_like(const Tensor &self, int64_t high, const TensorOptions &options = {}) {
  return call<Tensor>("aten::randint_like", {self, high, {"dtype", options.dtype_opt()}, {"device", options.device_opt()}});
}
inline Tensor randint_like(const Tensor &self, int64_t low, int64_t high, const TensorOptions &options = {}) {
  return call<Tensor>("aten::randint_like.low_dtype", {self, low, high, {"dtype", options.dtype_opt()}, {"device",
    options.device_opt()}});
}
inline Tensor randn(IntList size, const TensorOptions &options = {}) {
  return call<Tensor>("aten::randn", {size, {"dtype", options.dtype_opt()}, {"device", options.device_opt()}, {"requires_grad",
    options.requires_grad()}});
}
inline Tensor randn_like(const Tensor &self, const TensorOptions &options = {}) {
  return call<Tensor>("aten::randn_like", {self, {"dtype", options.dtype_opt()}, {"device", options.device_opt()}, {"requires_grad",
    options.requires_grad()}});
}
inline Tensor ravel(const Tensor &self) { return call<Tensor>("aten::ravel", {self}); }
inline Tensor real(const Tensor &self) { return call<Tensor>("aten::real", {self}); }
inline Tensor reciprocal(const Tensor &self) { return call<Tensor>("aten::reciprocal", {self}); }
inline Tensor reflection_pad1d(const Tensor &self, IntList padding) {
  return call<Tensor>("aten::reflection_pad1d", {self, padding});
}
inline Tensor reflection_pad2d(const Tensor &self, IntList padding) {
  return call<Tensor>("aten::reflection_pad2d", {self, padding});
}
inline Tensor reflection_pad3d(const Tensor &self, IntList padding) {
  return call<Tensor>("aten::reflection_pad3d", {self, padding});
}
inline Tensor remainder(const Tensor &self, const Tensor &other) { return call<Tensor>("aten::remainder.Tensor", {self, other}); }
inline Tensor remainder(const Tensor &self, Scalar other) { return call<Tensor>("aten::remainder.Scalar", {self, other}); }
inline Tensor remainder(Scalar self, const Tensor &other) { return call<Tensor>("aten::remainder.Scalar_Tensor", {self, other}); }
inline Tensor renorm(const Tensor &self, Scalar p, int64_t dim, Scalar maxnorm) {
  return call<Tensor>("aten::renorm", {self, p, dim, maxnorm});
}
inline Tensor repeat(const Tensor &self, IntList repeats) { return call<Tensor>("aten::repeat", {self, repeats}); }
inline Tensor repeat_interleave(const Tensor &self, int64_t repeats, ::std::optional<int64_t> dim = ::std::nullopt,
    ::std::optional<int64_t> output_size = ::std::nullopt) {
  return call<Tensor>("aten::repeat_interleave.self_int", {self, repeats, dim, {"output_size", output_size}});
}
inline Tensor repeat_interleave(const Tensor &self, const Tensor &repeats, ::std::optional<int64_t> dim = ::std::nullopt,
    ::std::optional<int64_t> output_size = ::std::nullopt) {
  return call<Tensor>("aten::repeat_interleave.self_Tensor", {self, repeats, dim, {"output_size", output_size}});
}
inline Tensor repeat_interleave(const Tensor &repeats, ::std::optional<int64_t> output_size = ::std::nullopt) {
  return call<Tensor>("aten::repeat_interleave.Tensor", {repeats, {"output_size", output_size}});
}
inline Tensor replication_pad1d(const Tensor &self, IntList padding) {
  return call<Tensor>("aten::replication_pad1d", {self, padding});
}
inline Tensor replication_pad2d(const Tensor &self, IntList padding) {
  return call<Tensor>("aten::replication_pad2d", {self, padding});
}
inline Tensor replication_pad3d(const Tensor &self, IntList padding) {
  return call<Tensor>("aten::replication_pad3d", {self, padding});
}
inline Tensor reshape(const Tensor &self, IntList shape) { return call<Tensor>("aten::reshape", {self, shape}); }
inline Tensor reshape_as(const Tensor &self, const Tensor &other) { return call<Tensor>("aten::reshape_as", {self, other}); }
inline Tensor resolve_conj(const Tensor &self) { return call<Tensor>("aten::resolve_conj", {self}); }
inline Tensor resolve_neg(const Tensor &self) { return call<Tensor>("aten::resolve_neg", {self}); }
inline Tensor rms_norm(const Tensor &input, IntList normalized_shape, const ::std::optional<Tensor> &weight = ::std::nullopt,
    ::std::optional<double> eps = ::std::nullopt) {
  return call<Tensor>("aten::rms_norm", {input, normalized_shape, weight, eps});
}
inline Tensor roll(const Tensor &self, IntList shifts, IntList dims = {}) { return call<Tensor>("aten::roll", {self, shifts, dims}); }
inline Tensor rot90(const Tensor &self, int64_t k = 1, IntList dims = {0, 1}) { return call<Tensor>("aten::rot90", {self, k, dims}); }
inline Tensor round(const Tensor &self) { return call<Tensor>("aten::round", {self}); }
inline Tensor round(const Tensor &self, int64_t decimals) {
  return call<Tensor>("aten::round.decimals", {self, {"decimals", decimals}});
}
inline Tensor row_stack(const ::std::vector<Tensor> &tensors) { return call<Tensor>("aten::row_stack", {tensors}); }
inline Tensor rsqrt(const Tensor &self) { return call<Tensor>("aten::rsqrt", {self}); }
inline Tensor rsub(const Tensor &self, const Tensor &other, Scalar alpha = 1) {
  return call<Tensor>("aten::rsub.Tensor", {self, other, {"alpha", alpha}});
}
inline Tensor rsub(const Tensor &self, Scalar other, Scalar alpha = 1) {
  return call<Tensor>("aten::rsub.Scalar", {self, other, alpha});
}
inline Tensor scalar_tensor(Scalar s, const TensorOptions &options = {}) {
  return call<Tensor>("aten::scalar_tensor", {s, {"dtype", options.dtype_opt()}, {"device", options.device_opt()}, {"requires_grad",
    options.requires_grad()}});
}
inline Tensor scaled_dot_product_attention(const Tensor &query, const Tensor &key, const Tensor &value,
    const ::std::optional<Tensor> &attn_mask = ::std::nullopt, double dropout_p = 0.0, Bool is_causal = false,
    ::std::optional<double> scale = ::std::nullopt, Bool enable_gqa = false) {
  return call<Tensor>("aten::scaled_dot_product_attention", {query, key, value, attn_mask, dropout_p, is_causal, {"scale", scale},
    {"enable_gqa", enable_gqa}});
}
inline Tensor scatter(const Tensor &self, int64_t dim, const Tensor &index, const Tensor &src) {
  return call<Tensor>("aten::scatter.src", {self, dim, index, src});
}
inline Tensor scatter(const Tensor &self, int64_t dim, const Tensor &index, Scalar value) {
  return call<Tensor>("aten::scatter.value", {self, dim, index, value});
}
inline Tensor scatter(const Tensor &self, int64_t dim, const Tensor &index, const Tensor &src, const ::std::string &reduce) {
  return call<Tensor>("aten::scatter.reduce", {self, dim, index, src, {"reduce", reduce}});
}
inline Tensor scatter(const Tensor &self, int64_t dim, const Tensor &index, Scalar value, const ::std::string &reduce) {
  return call<Tensor>("aten::scatter.value_reduce", {self, dim, index, value, {"reduce", reduce}});
}
inline Tensor scatter_add(const Tensor &self, int64_t dim, const Tensor &index, const Tensor &src) {
  return call<Tensor>("aten::scatter_add", {self, dim, index, src});
}
inline Tensor scatter_reduce(const Tensor &self, int64_t dim, const Tensor &index, const Tensor &src, const ::std::string &reduce,
    Bool include_self = true) {
  return call<Tensor>("aten::scatter_reduce.two", {self, dim, index, src, reduce, {"include_self", include_self}});
}
inline Tensor searchsorted(const Tensor &sorted_sequence, const Tensor &self, Bool out_int32 = false, Bool right = false,
    const ::std::optional<::std::string> &side = ::std::nullopt, const ::std::optional<Tensor> &sorter = ::std::nullopt) {
  return call<Tensor>("aten::searchsorted.Tensor", {sorted_sequence, self, {"out_int32", out_int32}, {"right", right}, {"side", side},
    {"sorter", sorter}});
}
inline Tensor searchsorted(const Tensor &sorted_sequence, Scalar self, Bool out_int32 = false, Bool right = false,
    const ::std::optional<::std::string> &side = ::std::nullopt, const ::std::optional<Tensor> &sorter = ::std::nullopt) {
  return call<Tensor>("aten::searchsorted.Scalar", {sorted_sequence, self, {"out_int32", out_int32}, {"right", right}, {"side", side},
    {"sorter", sorter}});
}
inline Tensor segment_reduce(const Tensor &data, const ::std::string &reduce, const ::std::optional<Tensor> &lengths = ::std::nullopt,
    const ::std::optional<Tensor> &indices = ::std::nullopt, const ::std::optional<Tensor> &offsets = ::std::nullopt, int64_t axis = 0,
    Bool unsafe = false, ::std::optional<Scalar> initial = ::std::nullopt) {
  return call<Tensor>("aten::segment_reduce", {data, reduce, {"lengths", lengths}, {"indices", indices}, {"offsets", offsets}, {"axis",
    axis}, {"unsafe", unsafe}, {"initial", initial}});
}
inline Tensor select(const Tensor &self, int64_t dim, int64_t index) { return call<Tensor>("aten::select.int", {self, dim, index}); }
inline Tensor select_copy(const Tensor &self, int64_t dim, int64_t index) {
  return call<Tensor>("aten::select_copy.int", {self, dim, index});
}
inline Tensor select_scatter(const Tensor &self, const Tensor &src, int64_t dim, int64_t index) {
  return call<Tensor>("aten::select_scatter", {self, src, dim, index});
}
inline Tensor selu(const Tensor &self) { return call<Tensor>("aten::selu", {self}); }
inline Tensor sgn(const Tensor &self) { return call<Tensor>("aten::sgn", {self}); }
inline Tensor sigmoid(const Tensor &self) { return call<Tensor>("aten::sigmoid", {self}); }
inline Tensor sign(const Tensor &self) { return call<Tensor>("aten::sign", {self}); }
inline Tensor signbit(const Tensor &self) { return call<Tensor>("aten::signbit", {self}); }
inline Tensor silu(const Tensor &self) { return call<Tensor>("aten::silu", {self}); }
inline Tensor sin(const Tensor &self) { return call<Tensor>("aten::sin", {self}); }
inline Tensor sinc(const Tensor &self) { return call<Tensor>("aten::sinc", {self}); }
inline Tensor sinh(const Tensor &self) { return call<Tensor>("aten::sinh", {self}); }
inline Tensor slice(const Tensor &self, int64_t dim = 0, ::std::optional<int64_t> start = ::std::nullopt,
    ::std::optional<int64_t> end = ::std::nullopt, int64_t step = 1) {
  return call<Tensor>("aten::slice.Tensor", {self, dim, start, end, step});
}
inline Tensor slice_copy(const Tensor &self, int64_t dim = 0, ::std::optional<int64_t> start = ::std::nullopt,
    ::std::optional<int64_t> end = ::std::nullopt, int64_t step = 1) {
  return call<Tensor>("aten::slice_copy.Tensor", {self, dim, start, end, step});
}
inline Tensor slice_scatter(const Tensor &self, const Tensor &src, int64_t dim = 0, ::std::optional<int64_t> start = ::std::nullopt,
    ::std::optional<int64_t> end = ::std::nullopt, int64_t step = 1) {
  return call<Tensor>("aten::slice_scatter", {self, src, dim, start, end, step});
}
inline ::std::tuple<Tensor, Tensor> slogdet(const Tensor &self) {
  return call<::std::tuple<Tensor, Tensor>>("aten::slogdet", {self});
}
inline Tensor smooth_l1_loss(const Tensor &self, const Tensor &target, int64_t reduction = 1, double beta = 1.0) {
  return call<Tensor>("aten::smooth_l1_loss", {self, target, reduction, beta});
}
inline Tensor softmax(const Tensor &self, int64_t dim, ::std::optional<DType> dtype = ::std::nullopt) {
  return call<Tensor>("aten::softmax.int", {self, dim, dtype});
}
inline Tensor softplus(const Tensor &self, Scalar beta = 1, Scalar threshold = 20) {
  return call<Tensor>("aten::softplus", {self, beta, threshold});
}
inline Tensor softshrink(const Tensor &self, Scalar lambd = 0.5) { return call<Tensor>("aten::softshrink", {self, lambd}); }
inline ::std::tuple<Tensor, Tensor> sort(const Tensor &self, int64_t dim = -1, Bool descending = false) {
  return call<::std::tuple<Tensor, Tensor>>("aten::sort", {self, dim, descending});
}
inline ::std::tuple<Tensor, Tensor> sort(const Tensor &self, ::std::optional<Bool> stable, int64_t dim = -1,
    Bool descending = false) {
  return call<::std::tuple<Tensor, Tensor>>("aten::sort.stable", {self, {"stable", stable}, {"dim", dim}, {"descending",
    descending}});
}
inline Tensor sparse_sampled_addmm(const Tensor &self, const Tensor &mat1, const Tensor &mat2, Scalar beta = 1, Scalar alpha = 1) {
  return call<Tensor>("aten::sparse_sampled_addmm", {self, mat1, mat2, {"beta", beta}, {"alpha", alpha}});
}
inline Tensor special_airy_ai(const Tensor &x) { return call<Tensor>("aten::special_airy_ai", {x}); }
inline Tensor special_bessel_j0(const Tensor &self) { return call<Tensor>("aten::special_bessel_j0", {self}); }
inline Tensor special_bessel_j1(const Tensor &self) { return call<Tensor>("aten::special_bessel_j1", {self}); }
inline Tensor special_bessel_y0(const Tensor &self) { return call<Tensor>("aten::special_bessel_y0", {self}); }
inline Tensor special_bessel_y1(const Tensor &self) { return call<Tensor>("aten::special_bessel_y1", {self}); }
inline Tensor special_chebyshev_polynomial_t(const Tensor &x, const Tensor &n) {
  return call<Tensor>("aten::special_chebyshev_polynomial_t", {x, n});
}
inline Tensor special_chebyshev_polynomial_t(Scalar x, const Tensor &n) {
  return call<Tensor>("aten::special_chebyshev_polynomial_t.x_scalar", {x, n});
}
inline Tensor special_chebyshev_polynomial_t(const Tensor &x, Scalar n) {
  return call<Tensor>("aten::special_chebyshev_polynomial_t.n_scalar", {x, n});
}
inline Tensor special_chebyshev_polynomial_u(const Tensor &x, const Tensor &n) {
  return call<Tensor>("aten::special_chebyshev_polynomial_u", {x, n});
}
inline Tensor special_chebyshev_polynomial_u(Scalar x, const Tensor &n) {
  return call<Tensor>("aten::special_chebyshev_polynomial_u.x_scalar", {x, n});
}
inline Tensor special_chebyshev_polynomial_u(const Tensor &x, Scalar n) {
  return call<Tensor>("aten::special_chebyshev_polynomial_u.n_scalar", {x, n});
}
inline Tensor special_chebyshev_polynomial_v(const Tensor &x, const Tensor &n) {
  return call<Tensor>("aten::special_chebyshev_polynomial_v", {x, n});
}
inline Tensor special_chebyshev_polynomial_v(Scalar x, const Tensor &n) {
  return call<Tensor>("aten::special_chebyshev_polynomial_v.x_scalar", {x, n});
}
inline Tensor special_chebyshev_polynomial_v(const Tensor &x, Scalar n) {
  return call<Tensor>("aten::special_chebyshev_polynomial_v.n_scalar", {x, n});
}
inline Tensor special_chebyshev_polynomial_w(const Tensor &x, const Tensor &n) {
  return call<Tensor>("aten::special_chebyshev_polynomial_w", {x, n});
}
inline Tensor special_chebyshev_polynomial_w(Scalar x, const Tensor &n) {
  return call<Tensor>("aten::special_chebyshev_polynomial_w.x_scalar", {x, n});
}
inline Tensor special_chebyshev_polynomial_w(const Tensor &x, Scalar n) {
  return call<Tensor>("aten::special_chebyshev_polynomial_w.n_scalar", {x, n});
}
inline Tensor special_digamma(const Tensor &self) { return call<Tensor>("aten::special_digamma", {self}); }
inline Tensor special_entr(const Tensor &self) { return call<Tensor>("aten::special_entr", {self}); }
inline Tensor special_erf(const Tensor &self) { return call<Tensor>("aten::special_erf", {self}); }
inline Tensor special_erfc(const Tensor &self) { return call<Tensor>("aten::special_erfc", {self}); }
inline Tensor special_erfcx(const Tensor &self) { return call<Tensor>("aten::special_erfcx", {self}); }
inline Tensor special_erfinv(const Tensor &self) { return call<Tensor>("aten::special_erfinv", {self}); }
inline Tensor special_exp2(const Tensor &self) { return call<Tensor>("aten::special_exp2", {self}); }
inline Tensor special_expit(const Tensor &self) { return call<Tensor>("aten::special_expit", {self}); }
inline Tensor special_expm1(const Tensor &self) { return call<Tensor>("aten::special_expm1", {self}); }
inline Tensor special_gammainc(const Tensor &self, const Tensor &other) {
  return call<Tensor>("aten::special_gammainc", {self, other});
}
inline Tensor special_gammaincc(const Tensor &self, const Tensor &other) {
  return call<Tensor>("aten::special_gammaincc", {self, other});
}
inline Tensor special_gammaln(const Tensor &self) { return call<Tensor>("aten::special_gammaln", {self}); }
inline Tensor special_hermite_polynomial_h(const Tensor &x, const Tensor &n) {
  return call<Tensor>("aten::special_hermite_polynomial_h", {x, n});
}
inline Tensor special_hermite_polynomial_h(Scalar x, const Tensor &n) {
  return call<Tensor>("aten::special_hermite_polynomial_h.x_scalar", {x, n});
}
inline Tensor special_hermite_polynomial_h(const Tensor &x, Scalar n) {
  return call<Tensor>("aten::special_hermite_polynomial_h.n_scalar", {x, n});
}
inline Tensor special_hermite_polynomial_he(const Tensor &x, const Tensor &n) {
  return call<Tensor>("aten::special_hermite_polynomial_he", {x, n});
}
inline Tensor special_hermite_polynomial_he(Scalar x, const Tensor &n) {
  return call<Tensor>("aten::special_hermite_polynomial_he.x_scalar", {x, n});
}
inline Tensor special_hermite_polynomial_he(const Tensor &x, Scalar n) {
  return call<Tensor>("aten::special_hermite_polynomial_he.n_scalar", {x, n});
}
inline Tensor special_i0(const Tensor &self) { return call<Tensor>("aten::special_i0", {self}); }
inline Tensor special_i0e(const Tensor &self) { return call<Tensor>("aten::special_i0e", {self}); }
inline Tensor special_i1(const Tensor &self) { return call<Tensor>("aten::special_i1", {self}); }
inline Tensor special_i1e(const Tensor &self) { return call<Tensor>("aten::special_i1e", {self}); }
inline Tensor special_laguerre_polynomial_l(const Tensor &x, const Tensor &n) {
  return call<Tensor>("aten::special_laguerre_polynomial_l", {x, n});
}
inline Tensor special_laguerre_polynomial_l(Scalar x, const Tensor &n) {
  return call<Tensor>("aten::special_laguerre_polynomial_l.x_scalar", {x, n});
}
inline Tensor special_laguerre_polynomial_l(const Tensor &x, Scalar n) {
  return call<Tensor>("aten::special_laguerre_polynomial_l.n_scalar", {x, n});
}
inline Tensor special_legendre_polynomial_p(const Tensor &x, const Tensor &n) {
  return call<Tensor>("aten::special_legendre_polynomial_p", {x, n});
}
inline Tensor special_legendre_polynomial_p(Scalar x, const Tensor &n) {
  return call<Tensor>("aten::special_legendre_polynomial_p.x_scalar", {x, n});
}
inline Tensor special_legendre_polynomial_p(const Tensor &x, Scalar n) {
  return call<Tensor>("aten::special_legendre_polynomial_p.n_scalar", {x, n});
}
inline Tensor special_log1p(const Tensor &self) { return call<Tensor>("aten::special_log1p", {self}); }
inline Tensor special_log_ndtr(const Tensor &self) { return call<Tensor>("aten::special_log_ndtr", {self}); }
inline Tensor special_log_softmax(const Tensor &self, int64_t dim, ::std::optional<DType> dtype = ::std::nullopt) {
  return call<Tensor>("aten::special_log_softmax.int", {self, dim, dtype});
}
inline Tensor special_logit(const Tensor &self, ::std::optional<double> eps = ::std::nullopt) {
  return call<Tensor>("aten::special_logit", {self, eps});
}
inline Tensor special_logsumexp(const Tensor &self, IntList dim, Bool keepdim = false) {
  return call<Tensor>("aten::special_logsumexp", {self, dim, keepdim});
}
inline Tensor special_modified_bessel_i0(const Tensor &self) { return call<Tensor>("aten::special_modified_bessel_i0", {self}); }
inline Tensor special_modified_bessel_i1(const Tensor &self) { return call<Tensor>("aten::special_modified_bessel_i1", {self}); }
inline Tensor special_modified_bessel_k0(const Tensor &self) { return call<Tensor>("aten::special_modified_bessel_k0", {self}); }
inline Tensor special_modified_bessel_k1(const Tensor &self) { return call<Tensor>("aten::special_modified_bessel_k1", {self}); }
inline Tensor special_multigammaln(const Tensor &self, int64_t p) { return call<Tensor>("aten::special_multigammaln", {self, p}); }
inline Tensor special_ndtr(const Tensor &self) { return call<Tensor>("aten::special_ndtr", {self}); }
inline Tensor special_ndtri(const Tensor &self) { return call<Tensor>("aten::special_ndtri", {self}); }
inline Tensor special_polygamma(int64_t n, const Tensor &self) { return call<Tensor>("aten::special_polygamma", {n, self}); }
inline Tensor special_psi(const Tensor &self) { return call<Tensor>("aten::special_psi", {self}); }
inline Tensor special_round(const Tensor &self) { return call<Tensor>("aten::special_round", {self}); }
inline Tensor special_round(const Tensor &self, int64_t decimals) {
  return call<Tensor>("aten::special_round.decimals", {self, {"decimals", decimals}});
}
inline Tensor special_scaled_modified_bessel_k0(const Tensor &x) {
  return call<Tensor>("aten::special_scaled_modified_bessel_k0", {x});
}
inline Tensor special_scaled_modified_bessel_k1(const Tensor &x) {
  return call<Tensor>("aten::special_scaled_modified_bessel_k1", {x});
}
inline Tensor special_shifted_chebyshev_polynomial_t(const Tensor &x, const Tensor &n) {
  return call<Tensor>("aten::special_shifted_chebyshev_polynomial_t", {x, n});
}
inline Tensor special_shifted_chebyshev_polynomial_t(Scalar x, const Tensor &n) {
  return call<Tensor>("aten::special_shifted_chebyshev_polynomial_t.x_scalar", {x, n});
}
inline Tensor special_shifted_chebyshev_polynomial_t(const Tensor &x, Scalar n) {
  return call<Tensor>("aten::special_shifted_chebyshev_polynomial_t.n_scalar", {x, n});
}
inline Tensor special_shifted_chebyshev_polynomial_u(const Tensor &x, const Tensor &n) {
  return call<Tensor>("aten::special_shifted_chebyshev_polynomial_u", {x, n});
}
inline Tensor special_shifted_chebyshev_polynomial_u(Scalar x, const Tensor &n) {
  return call<Tensor>("aten::special_shifted_chebyshev_polynomial_u.x_scalar", {x, n});
}
inline Tensor special_shifted_chebyshev_polynomial_u(const Tensor &x, Scalar n) {
  return call<Tensor>("aten::special_shifted_chebyshev_polynomial_u.n_scalar", {x, n});
}
inline Tensor special_shifted_chebyshev_polynomial_v(const Tensor &x, const Tensor &n) {
  return call<Tensor>("aten::special_shifted_chebyshev_polynomial_v", {x, n});
}
inline Tensor special_shifted_chebyshev_polynomial_v(Scalar x, const Tensor &n) {
  return call<Tensor>("aten::special_shifted_chebyshev_polynomial_v.x_scalar", {x, n});
}
inline Tensor special_shifted_chebyshev_polynomial_v(const Tensor &x, Scalar n) {
  return call<Tensor>("aten::special_shifted_chebyshev_polynomial_v.n_scalar", {x, n});
}
inline Tensor special_shifted_chebyshev_polynomial_w(const Tensor &x, const Tensor &n) {
  return call<Tensor>("aten::special_shifted_chebyshev_polynomial_w", {x, n});
}
inline Tensor special_shifted_chebyshev_polynomial_w(Scalar x, const Tensor &n) {
  return call<Tensor>("aten::special_shifted_chebyshev_polynomial_w.x_scalar", {x, n});
}
inline Tensor special_shifted_chebyshev_polynomial_w(const Tensor &x, Scalar n) {
  return call<Tensor>("aten::special_shifted_chebyshev_polynomial_w.n_scalar", {x, n});
}
inline Tensor special_sinc(const Tensor &self) { return call<Tensor>("aten::special_sinc", {self}); }
inline Tensor special_softmax(const Tensor &self, int64_t dim, ::std::optional<DType> dtype = ::std::nullopt) {
  return call<Tensor>("aten::special_softmax.int", {self, dim, dtype});
}
inline Tensor special_spherical_bessel_j0(const Tensor &x) { return call<Tensor>("aten::special_spherical_bessel_j0", {x}); }
inline Tensor special_xlog1py(const Tensor &self, const Tensor &other) {
  return call<Tensor>("aten::special_xlog1py", {self, other});
}
inline Tensor special_xlog1py(Scalar self, const Tensor &other) {
  return call<Tensor>("aten::special_xlog1py.self_scalar", {self, other});
}
inline Tensor special_xlog1py(const Tensor &self, Scalar other) {
  return call<Tensor>("aten::special_xlog1py.other_scalar", {self, other});
}
inline Tensor special_xlogy(const Tensor &self, const Tensor &other) { return call<Tensor>("aten::special_xlogy", {self, other}); }
inline Tensor special_xlogy(Scalar self, const Tensor &other) {
  return call<Tensor>("aten::special_xlogy.self_scalar", {self, other});
}
inline Tensor special_xlogy(const Tensor &self, Scalar other) {
  return call<Tensor>("aten::special_xlogy.other_scalar", {self, other});
}
inline Tensor special_zeta(const Tensor &self, const Tensor &other) { return call<Tensor>("aten::special_zeta", {self, other}); }
inline Tensor special_zeta(Scalar self, const Tensor &other) { return call<Tensor>("aten::special_zeta.self_scalar", {self, other}); }
inline Tensor special_zeta(const Tensor &self, Scalar other) {
  return call<Tensor>("aten::special_zeta.other_scalar", {self, other});
}
inline ::std::vector<Tensor> split(const Tensor &self, int64_t split_size, int64_t dim = 0) {
  return call<::std::vector<Tensor>>("aten::split.Tensor", {self, split_size, dim});
}
inline ::std::vector<Tensor> split(const Tensor &self, IntList split_size, int64_t dim = 0) {
  return call<::std::vector<Tensor>>("aten::split.sizes", {self, split_size, dim});
}
inline ::std::vector<Tensor> split_with_sizes(const Tensor &self, IntList split_sizes, int64_t dim = 0) {
  return call<::std::vector<Tensor>>("aten::split_with_sizes", {self, split_sizes, dim});
}
inline ::std::vector<Tensor> split_with_sizes_copy(const Tensor &self, IntList split_sizes, int64_t dim = 0) {
  return call<::std::vector<Tensor>>("aten::split_with_sizes_copy", {self, split_sizes, dim});
}
inline Tensor sqrt(const Tensor &self) { return call<Tensor>("aten::sqrt", {self}); }
inline Tensor square(const Tensor &self) { return call<Tensor>("aten::square", {self}); }
inline Tensor squeeze(const Tensor &self) { return call<Tensor>("aten::squeeze", {self}); }
inline Tensor squeeze(const Tensor &self, int64_t dim) { return call<Tensor>("aten::squeeze.dim", {self, dim}); }
inline Tensor squeeze(const Tensor &self, IntList dim) { return call<Tensor>("aten::squeeze.dims", {self, dim}); }
inline Tensor squeeze_copy(const Tensor &self) { return call<Tensor>("aten::squeeze_copy", {self}); }
inline Tensor squeeze_copy(const Tensor &self, int64_t dim) { return call<Tensor>("aten::squeeze_copy.dim", {self, dim}); }
inline Tensor squeeze_copy(const Tensor &self, IntList dim) { return call<Tensor>("aten::squeeze_copy.dims", {self, dim}); }
inline Tensor stack(const ::std::vector<Tensor> &tensors, int64_t dim = 0) { return call<Tensor>("aten::stack", {tensors, dim}); }
inline Tensor std(const Tensor &self, Bool unbiased = true) { return call<Tensor>("aten::std", {self, unbiased}); }
inline Tensor std(const Tensor &self, OptionalIntList dim, Bool unbiased = true, Bool keepdim = false) {
  return call<Tensor>("aten::std.dim", {self, dim, unbiased, keepdim});
}
inline Tensor std(const Tensor &self, OptionalIntList dim, ::std::optional<Scalar> correction, Bool keepdim = false) {
  return call<Tensor>("aten::std.correction", {self, dim, {"correction", correction}, {"keepdim", keepdim}});
}
inline ::std::tuple<Tensor, Tensor> std_mean(const Tensor &self, Bool unbiased = true) {
  return call<::std::tuple<Tensor, Tensor>>("aten::std_mean", {self, unbiased});
}
inline ::std::tuple<Tensor, Tensor> std_mean(const Tensor &self, OptionalIntList dim, Bool unbiased = true, Bool keepdim = false) {
  return call<::std::tuple<Tensor, Tensor>>("aten::std_mean.dim", {self, dim, unbiased, keepdim});
}
inline ::std::tuple<Tensor, Tensor> std_mean(const Tensor &self, OptionalIntList dim, ::std::optional<Scalar> correction,
    Bool keepdim = false) {
  return call<::std::tuple<Tensor, Tensor>>("aten::std_mean.correction", {self, dim, {"correction", correction}, {"keepdim",
    keepdim}});
}
inline Tensor stft(const Tensor &self, int64_t n_fft, ::std::optional<int64_t> hop_length = ::std::nullopt,
    ::std::optional<int64_t> win_length = ::std::nullopt, const ::std::optional<Tensor> &window = ::std::nullopt, Bool center = true,
    const ::std::string &pad_mode = "reflect", Bool normalized = false, ::std::optional<Bool> onesided = ::std::nullopt,
    ::std::optional<Bool> return_complex = ::std::nullopt, ::std::optional<Bool> align_to_window = ::std::nullopt) {
  return call<Tensor>("aten::stft.center", {self, n_fft, hop_length, win_length, window, center, pad_mode, normalized, onesided,
    return_complex, align_to_window});
}
inline Tensor stft(const Tensor &self, int64_t n_fft, ::std::optional<int64_t> hop_length, ::std::optional<int64_t> win_length,
    const ::std::optional<Tensor> &window, Bool normalized, ::std::optional<Bool> onesided,
    ::std::optional<Bool> return_complex = ::std::nullopt, ::std::optional<Bool> align_to_window = ::std::nullopt) {
  return call<Tensor>("aten::stft", {self, n_fft, hop_length, win_length, window, normalized, onesided, return_complex,
    align_to_window});
}
inline Tensor sub(const Tensor &self, const Tensor &other, Scalar alpha = 1) {
  return call<Tensor>("aten::sub.Tensor", {self, other, {"alpha", alpha}});
}
inline Tensor sub(const Tensor &self, Scalar other, Scalar alpha = 1) {
  return call<Tensor>("aten::sub.Scalar", {self, other, alpha});
}
inline Tensor subtract(const Tensor &self, const Tensor &other, Scalar alpha = 1) {
  return call<Tensor>("aten::subtract.Tensor", {self, other, {"alpha", alpha}});
}
inline Tensor subtract(const Tensor &self, Scalar other, Scalar alpha = 1) {
  return call<Tensor>("aten::subtract.Scalar", {self, other, alpha});
}
inline Tensor sum(const Tensor &self, ::std::optional<DType> dtype = ::std::nullopt) {
  return call<Tensor>("aten::sum", {self, {"dtype", dtype}});
}
inline Tensor sum(const Tensor &self, OptionalIntList dim, Bool keepdim = false, ::std::optional<DType> dtype = ::std::nullopt) {
  return call<Tensor>("aten::sum.dim_IntList", {self, dim, keepdim, {"dtype", dtype}});
}
inline Tensor sum_to_size(const Tensor &self, IntList size) { return call<Tensor>("aten::sum_to_size", {self, size}); }
inline ::std::tuple<Tensor, Tensor, Tensor> svd(const Tensor &self, Bool some = true, Bool compute_uv = true) {
  return call<::std::tuple<Tensor, Tensor, Tensor>>("aten::svd", {self, some, compute_uv});
}
inline Tensor swapaxes(const Tensor &self, int64_t axis0, int64_t axis1) {
  return call<Tensor>("aten::swapaxes", {self, axis0, axis1});
}
inline Tensor swapdims(const Tensor &self, int64_t dim0, int64_t dim1) { return call<Tensor>("aten::swapdims", {self, dim0, dim1}); }
inline Tensor t(const Tensor &self) { return call<Tensor>("aten::t", {self}); }
inline Tensor t_copy(const Tensor &self) { return call<Tensor>("aten::t_copy", {self}); }
inline Tensor take(const Tensor &self, const Tensor &index) { return call<Tensor>("aten::take", {self, index}); }
inline Tensor take_along_dim(const Tensor &self, const Tensor &indices, ::std::optional<int64_t> dim = ::std::nullopt) {
  return call<Tensor>("aten::take_along_dim", {self, indices, dim});
}
inline Tensor tan(const Tensor &self) { return call<Tensor>("aten::tan", {self}); }
inline Tensor tanh(const Tensor &self) { return call<Tensor>("aten::tanh", {self}); }
inline ::std::vector<Tensor> tensor_split(const Tensor &self, int64_t sections, int64_t dim = 0) {
  return call<::std::vector<Tensor>>("aten::tensor_split.sections", {self, sections, dim});
}
inline ::std::vector<Tensor> tensor_split(const Tensor &self, IntList indices, int64_t dim = 0) {
  return call<::std::vector<Tensor>>("aten::tensor_split.indices", {self, indices, dim});
}
inline ::std::vector<Tensor> tensor_split(const Tensor &self, const Tensor &tensor_indices_or_sections, int64_t dim = 0) {
  return call<::std::vector<Tensor>>("aten::tensor_split.tensor_indices_or_sections", {self, tensor_indices_or_sections, dim});
}
inline Tensor tensordot(const Tensor &self, const Tensor &other, IntList dims_self, IntList dims_other) {
  return call<Tensor>("aten::tensordot", {self, other, dims_self, dims_other});
}
inline Tensor threshold(const Tensor &self, Scalar threshold, Scalar value) {
  return call<Tensor>("aten::threshold", {self, threshold, value});
}
inline Tensor tile(const Tensor &self, IntList dims) { return call<Tensor>("aten::tile", {self, dims}); }
inline Tensor to_dense(const Tensor &self, ::std::optional<DType> dtype = ::std::nullopt,
    ::std::optional<Bool> masked_grad = ::std::nullopt) {
  return call<Tensor>("aten::to_dense", {self, dtype, {"masked_grad", masked_grad}});
}
inline Tensor to_sparse(const Tensor &self, int64_t sparse_dim) {
  return call<Tensor>("aten::to_sparse.sparse_dim", {self, sparse_dim});
}
inline Tensor to_sparse(const Tensor &self, OptionalIntList blocksize = ::std::nullopt,
    ::std::optional<int64_t> dense_dim = ::std::nullopt) {
  return call<Tensor>("aten::to_sparse", {self, {"blocksize", blocksize}, {"dense_dim", dense_dim}});
}
inline ::std::tuple<Tensor, Tensor> topk(const Tensor &self, int64_t k, int64_t dim = -1, Bool largest = true, Bool sorted = true) {
  return call<::std::tuple<Tensor, Tensor>>("aten::topk", {self, k, dim, largest, sorted});
}
inline Tensor trace(const Tensor &self) { return call<Tensor>("aten::trace", {self}); }
inline Tensor transpose(const Tensor &self, int64_t dim0, int64_t dim1) {
  return call<Tensor>("aten::transpose.int", {self, dim0, dim1});
}
inline Tensor transpose_copy(const Tensor &self, int64_t dim0, int64_t dim1) {
  return call<Tensor>("aten::transpose_copy.int", {self, dim0, dim1});
}
inline Tensor trapezoid(const Tensor &y, const Tensor &x, int64_t dim = -1) {
  return call<Tensor>("aten::trapezoid.x", {y, x, {"dim", dim}});
}
inline Tensor trapezoid(const Tensor &y, Scalar dx = 1, int64_t dim = -1) {
  return call<Tensor>("aten::trapezoid.dx", {y, {"dx", dx}, {"dim", dim}});
}
inline Tensor trapz(const Tensor &y, const Tensor &x, int64_t dim = -1) {
  return call<Tensor>("aten::trapz.x", {y, x, {"dim", dim}});
}
inline Tensor trapz(const Tensor &y, double dx = 1.0, int64_t dim = -1) {
  return call<Tensor>("aten::trapz.dx", {y, {"dx", dx}, {"dim", dim}});
}
inline ::std::tuple<Tensor, Tensor> triangular_solve(const Tensor &self, const Tensor &A, Bool upper = true, Bool transpose = false,
    Bool unitriangular = false) {
  return call<::std::tuple<Tensor, Tensor>>("aten::triangular_solve", {self, A, upper, transpose, unitriangular});
}
inline Tensor tril(const Tensor &self, int64_t diagonal = 0) { return call<Tensor>("aten::tril", {self, diagonal}); }
inline Tensor tril_indices(int64_t row, int64_t col, int64_t offset = 0, const TensorOptions &options = {}) {
  return call<Tensor>("aten::tril_indices", {row, col, offset, {"dtype", options.dtype_opt()}, {"device", options.device_opt()},
    {"requires_grad", options.requires_grad()}});
}
inline Tensor triu(const Tensor &self, int64_t diagonal = 0) { return call<Tensor>("aten::triu", {self, diagonal}); }
inline Tensor triu_indices(int64_t row, int64_t col, int64_t offset = 0, const TensorOptions &options = {}) {
  return call<Tensor>("aten::triu_indices", {row, col, offset, {"dtype", options.dtype_opt()}, {"device", options.device_opt()},
    {"requires_grad", options.requires_grad()}});
}
inline Tensor true_divide(const Tensor &self, const Tensor &other) { return call<Tensor>("aten::true_divide.Tensor", {self, other}); }
inline Tensor true_divide(const Tensor &self, Scalar other) { return call<Tensor>("aten::true_divide.Scalar", {self, other}); }
inline Tensor trunc(const Tensor &self) { return call<Tensor>("aten::trunc", {self}); }
inline ::std::vector<Tensor> unbind(const Tensor &self, int64_t dim = 0) {
  return call<::std::vector<Tensor>>("aten::unbind.int", {self, dim});
}
inline ::std::vector<Tensor> unbind_copy(const Tensor &self, int64_t dim = 0) {
  return call<::std::vector<Tensor>>("aten::unbind_copy.int", {self, dim});
}
inline Tensor unflatten(const Tensor &self, int64_t dim, IntList sizes) {
  return call<Tensor>("aten::unflatten.int", {self, dim, sizes});
}
inline Tensor unfold(const Tensor &self, int64_t dimension, int64_t size, int64_t step) {
  return call<Tensor>("aten::unfold", {self, dimension, size, step});
}
inline Tensor unfold_copy(const Tensor &self, int64_t dimension, int64_t size, int64_t step) {
  return call<Tensor>("aten::unfold_copy", {self, dimension, size, step});
}
inline ::std::tuple<Tensor, Tensor, Tensor> unique_consecutive(const Tensor &self, Bool return_inverse = false,
    Bool return_counts = false, ::std::optional<int64_t> dim = ::std::nullopt) {
  return call<::std::tuple<Tensor, Tensor, Tensor>>("aten::unique_consecutive", {self, return_inverse, return_counts, dim});
}
inline ::std::tuple<Tensor, Tensor, Tensor> unique_dim(const Tensor &self, int64_t dim, Bool sorted = true,
    Bool return_inverse = false, Bool return_counts = false) {
  return call<::std::tuple<Tensor, Tensor, Tensor>>("aten::unique_dim", {self, dim, sorted, return_inverse, return_counts});
}
inline ::std::vector<Tensor> unsafe_chunk(const Tensor &self, int64_t chunks, int64_t dim = 0) {
  return call<::std::vector<Tensor>>("aten::unsafe_chunk", {self, chunks, dim});
}
inline ::std::vector<Tensor> unsafe_split(const Tensor &self, int64_t split_size, int64_t dim = 0) {
  return call<::std::vector<Tensor>>("aten::unsafe_split.Tensor", {self, split_size, dim});
}
inline Tensor unsqueeze(const Tensor &self, int64_t dim) { return call<Tensor>("aten::unsqueeze", {self, dim}); }
inline Tensor unsqueeze_copy(const Tensor &self, int64_t dim) { return call<Tensor>("aten::unsqueeze_copy", {self, dim}); }
inline Tensor upsample_bicubic2d(const Tensor &self, IntList output_size, Bool align_corners,
    ::std::optional<double> scales_h = ::std::nullopt, ::std::optional<double> scales_w = ::std::nullopt) {
  return call<Tensor>("aten::upsample_bicubic2d", {self, output_size, align_corners, scales_h, scales_w});
}
inline Tensor upsample_bicubic2d(const Tensor &input, OptionalIntList output_size, Bool align_corners,
    const ::std::optional<::std::vector<double>> &scale_factors) {
  return call<Tensor>("aten::upsample_bicubic2d.vec", {input, output_size, align_corners, scale_factors});
}
inline Tensor upsample_bilinear2d(const Tensor &self, IntList output_size, Bool align_corners,
    ::std::optional<double> scales_h = ::std::nullopt, ::std::optional<double> scales_w = ::std::nullopt) {
  return call<Tensor>("aten::upsample_bilinear2d", {self, output_size, align_corners, scales_h, scales_w});
}
inline Tensor upsample_bilinear2d(const Tensor &input, OptionalIntList output_size, Bool align_corners,
    const ::std::optional<::std::vector<double>> &scale_factors) {
  return call<Tensor>("aten::upsample_bilinear2d.vec", {input, output_size, align_corners, scale_factors});
}
inline Tensor upsample_linear1d(const Tensor &self, IntList output_size, Bool align_corners,
    ::std::optional<double> scales = ::std::nullopt) {
  return call<Tensor>("aten::upsample_linear1d", {self, output_size, align_corners, scales});
}
inline Tensor upsample_nearest1d(const Tensor &self, IntList output_size, ::std::optional<double> scales = ::std::nullopt) {
  return call<Tensor>("aten::upsample_nearest1d", {self, output_size, scales});
}
inline Tensor upsample_nearest2d(const Tensor &self, IntList output_size, ::std::optional<double> scales_h = ::std::nullopt,
    ::std::optional<double> scales_w = ::std::nullopt) {
  return call<Tensor>("aten::upsample_nearest2d", {self, output_size, scales_h, scales_w});
}
inline Tensor vander(const Tensor &x, ::std::optional<int64_t> N = ::std::nullopt, Bool increasing = false) {
  return call<Tensor>("aten::vander", {x, N, increasing});
}
inline Tensor var(const Tensor &self, Bool unbiased = true) { return call<Tensor>("aten::var", {self, unbiased}); }
inline Tensor var(const Tensor &self, OptionalIntList dim, Bool unbiased = true, Bool keepdim = false) {
  return call<Tensor>("aten::var.dim", {self, dim, unbiased, keepdim});
}
inline Tensor var(const Tensor &self, OptionalIntList dim, ::std::optional<Scalar> correction, Bool keepdim = false) {
  return call<Tensor>("aten::var.correction", {self, dim, {"correction", correction}, {"keepdim", keepdim}});
}
inline ::std::tuple<Tensor, Tensor> var_mean(const Tensor &self, Bool unbiased = true) {
  return call<::std::tuple<Tensor, Tensor>>("aten::var_mean", {self, unbiased});
}
inline ::std::tuple<Tensor, Tensor> var_mean(const Tensor &self, OptionalIntList dim, Bool unbiased = true, Bool keepdim = false) {
  return call<::std::tuple<Tensor, Tensor>>("aten::var_mean.dim", {self, dim, unbiased, keepdim});
}
inline ::std::tuple<Tensor, Tensor> var_mean(const Tensor &self, OptionalIntList dim, ::std::optional<Scalar> correction,
    Bool keepdim = false) {
  return call<::std::tuple<Tensor, Tensor>>("aten::var_mean.correction", {self, dim, {"correction", correction}, {"keepdim",
    keepdim}});
}
inline Tensor vdot(const Tensor &self, const Tensor &other) { return call<Tensor>("aten::vdot", {self, other}); }
inline Tensor view(const Tensor &self, IntList size) { return call<Tensor>("aten::view", {self, size}); }
inline Tensor view_as(const Tensor &self, const Tensor &other) { return call<Tensor>("aten::view_as", {self, other}); }
inline Tensor view_as_complex(const Tensor &self) { return call<Tensor>("aten::view_as_complex", {self}); }
inline Tensor view_as_real(const Tensor &self) { return call<Tensor>("aten::view_as_real", {self}); }
inline Tensor view_copy(const Tensor &self, IntList size) { return call<Tensor>("aten::view_copy", {self, size}); }
inline ::std::vector<Tensor> vsplit(const Tensor &self, int64_t sections) {
  return call<::std::vector<Tensor>>("aten::vsplit.int", {self, sections});
}
inline ::std::vector<Tensor> vsplit(const Tensor &self, IntList indices) {
  return call<::std::vector<Tensor>>("aten::vsplit.array", {self, indices});
}
inline Tensor vstack(const ::std::vector<Tensor> &tensors) { return call<Tensor>("aten::vstack", {tensors}); }
inline Tensor where(const Tensor &condition, const Tensor &self, const Tensor &other) {
  return call<Tensor>("aten::where.self", {condition, self, other});
}
inline Tensor where(const Tensor &condition, Scalar self, const Tensor &other) {
  return call<Tensor>("aten::where.ScalarSelf", {condition, self, other});
}
inline Tensor where(const Tensor &condition, const Tensor &self, Scalar other) {
  return call<Tensor>("aten::where.ScalarOther", {condition, self, other});
}
inline Tensor where(const Tensor &condition, Scalar self, Scalar other) {
  return call<Tensor>("aten::where.Scalar", {condition, self, other});
}
inline ::std::vector<Tensor> where(const Tensor &condition) { return call<::std::vector<Tensor>>("aten::where", {condition}); }
inline Tensor xlogy(const Tensor &self, const Tensor &other) { return call<Tensor>("aten::xlogy.Tensor", {self, other}); }
inline Tensor xlogy(Scalar self, const Tensor &other) { return call<Tensor>("aten::xlogy.Scalar_Self", {self, other}); }
inline Tensor xlogy(const Tensor &self, Scalar other) { return call<Tensor>("aten::xlogy.Scalar_Other", {self, other}); }
inline Tensor zeros(IntList size, const TensorOptions &options = {}) {
  return call<Tensor>("aten::zeros", {size, {"dtype", options.dtype_opt()}, {"device", options.device_opt()}, {"requires_grad",
    options.requires_grad()}});
}
inline Tensor zeros_like(const Tensor &self, const TensorOptions &options = {}) {
  return call<Tensor>("aten::zeros_like", {self, {"dtype", options.dtype_opt()}, {"device", options.device_opt()}, {"requires_grad",
    options.requires_grad()}});
}

}  // namespace ember
