;; SPDX-License-Identifier: Apache-2.0
(let ((l nil) (h (make-hash-table :test 'equal)))
  (dotimes (i 200000) (push (format "s%d" i) l) (puthash (format "k%d" (% i 1000)) i h))
  (with-temp-buffer (dolist (x l) (insert x "\n")) (sort-lines nil (point-min) (point-max)) (message "%d %d" (buffer-size) (hash-table-count h))
    (emacs-lisp-mode) (goto-char (point-min)) (message "%d" (how-many "9")))
  (byte-compile '(lambda (x) (+ x 1))) (princ (md5 (mapconcat 'identity l ","))))
