/** The logo of the console; screen readers read the name beside it instead. */
export function Mark() {
  return (
    <svg className="mark" viewBox="0 0 32 32" width="24" height="24" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="8" />
      <path d="M9 23 22 10M15 9h8v8M9 17v6h6" />
    </svg>
  );
}
