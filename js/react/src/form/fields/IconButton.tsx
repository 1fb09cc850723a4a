const PATHS = { up: "M4 10l4-4 4 4", down: "M4 6l4 4 4-4", remove: "M4.5 4.5l7 7m0-7l-7 7" };

interface IconButtonProps {
  action: keyof typeof PATHS;
  label: string;
  disabled?: boolean;
  onClick: () => void;
}

export function IconButton({ action, label, disabled = false, onClick }: IconButtonProps) {
  return (
    <button
      type="button"
      className="bide-icon-button"
      data-bide-do={action}
      aria-label={label}
      title={label}
      disabled={disabled}
      onClick={onClick}
    >
      <svg viewBox="0 0 16 16" aria-hidden="true" focusable="false">
        <path d={PATHS[action]} />
      </svg>
    </button>
  );
}
